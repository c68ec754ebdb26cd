/*
 * norm.c
 *	  BatchNorm1d, LayerNorm and GroupNorm: (x - mean) / sqrt(variance + eps), scaled and shifted.
 *
 * What differs is over which dimensions mean and variance go: the batch's (a channel each), a row's last ones,
 * or a row's groups of channels.  Both are computed from all values before any is normalised, the
 * variance from squared differences to the mean, so nothing cancels.
 *
 * BatchNorm1d keeps running averages of both as buffers, which training updates and evaluation uses; the
 * running variance is the unbiased one, n / (n - 1) times the one that normalises, as in PyTorch.
 */
#include <string.h>

#include "engine/modules/dims.h"

/* ---------- what they share ---------- */

static void
init_ones(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape, void *data)
{
	int64_t n = pt_shape_numel(shape);

	(void) rng;
	(void) m;
	for (int64_t i = 0; i < n; i++)
		pt_element_set_double(dtype, data, (size_t) i, 1);
}

static void
init_zeros(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape, void *data)
{
	(void) rng;
	(void) m;
	memset(data, 0, (size_t) pt_shape_numel(shape) * pt_dtype_size(dtype));
}

static bool
declare_affine(PtDeclare *d, const PtModule *m, const PtShape *shape)
{
	return pt_declare(d, "weight", PT_FLOAT32, shape, true, init_ones) &&
		   (!pt_args_bool(m->args, "bias") ||
			pt_declare(d, "bias", PT_FLOAT32, shape, true, init_zeros));
}

/* Over these dimensions, which stay with size 1. */
static PtRef
mean_of(PtGraph *g, PtRef x, const int64_t *dims, int ndims)
{
	PtGiven given[] = {pt_given_ints("dim", dims, ndims), pt_given_bool("keepdim", true)};

	return pt_apply_name(g, "mean", &x, 1, given, 2);
}

/* 1 / sqrt(variance + eps) */
static PtRef
inverse_deviation(PtBuild *b, const PtModule *m, PtRef variance)
{
	PtRef eps = pt_real(b->g, pt_args_real(m->args, "eps"));

	return pt_rsqrt(b->g, pt_add(b->g, variance, eps));
}

/* x times scale, plus shift if there is one */
static PtRef
affine(PtGraph *g, PtRef x, PtRef scale, PtRef shift)
{
	x = pt_mul(g, x, scale);
	return shift != PT_NO_REF ? pt_add(g, x, shift) : x;
}

/* n values give each statistic; of a single one nothing is left. */
static bool
enough(PtBuild *b, const PtModule *m, PtRef x, int64_t n, const char *what)
{
	char title[PT_MODULE_TITLE], text[PT_SHAPE_TEXT];
	const PtShape shape = pt_value(b->g, x)->shape;

	if (b->g->error.code != PT_OK || n != 1)
		return b->g->error.code == PT_OK;
	pt_graph_fail(b->g, PT_ESHAPE,
				  "module %s needs more than 1 value per %s, but its input is of shape %s",
				  pt_module_title(m, title), what, pt_shape_print(&shape, text));
	if (b->training)
		pt_hint(
			&b->g->error,
			"If this is the last batch of an epoch, use drop_last => true or another batch_size.");
	return false;
}

#define EPS                              \
	{                                    \
		"eps", PT_ARG_REAL, .init = 1e-5 \
	}

/* ---------- BatchNorm1d ---------- */

static bool
declare_batch(PtDeclare *d, const PtModule *m)
{
	const PtShape channels = {1, {pt_args_int(m->args, "num_features")}};

	if (pt_args_bool(m->args, "affine") && !declare_affine(d, m, &channels))
		return false;
	return !pt_args_bool(m->args, "track_running_stats") ||
		   (pt_declare(d, "running_mean", PT_FLOAT32, &channels, false, init_zeros) &&
			pt_declare(d, "running_var", PT_FLOAT32, &channels, false, init_ones) &&
			pt_declare(d, "num_batches_tracked", PT_INT64, &(PtShape){0}, false, init_zeros));
}

static bool
shapes_batch(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	char title[PT_MODULE_TITLE];

	*out = *in;
	if (in->ndim == 0 || in->ndim > 2)
		return pt_fail(err, PT_ESHAPE, "module %s expects rows of 1 or 2 dimensions, not %d",
					   pt_module_title(m, title), in->ndim);
	return pt_shapes_channels(m, pt_args_int(m->args, "num_features"), in, err);
}

/* running = factor statistic + (1 - factor) running; momentum None: the average of all batches. */
static void
track(PtBuild *b, const PtModule *m, PtRef mean, PtRef variance, int64_t n)
{
	static const char *const names[] = {"running_mean", "running_var"};
	PtGraph *g = b->g;
	const PtShape channels = {1, {pt_args_int(m->args, "num_features")}};
	PtRef count = pt_add(g, pt_build_state(b, m, "num_batches_tracked"), pt_integer(g, 1));
	PtRef factor, now[2];

	if (pt_args_is_none(m->args, "momentum"))
		factor = pt_div(g, pt_real(g, 1), pt_cast(g, count, PT_FLOAT32));
	else
		factor = pt_real(g, pt_args_real(m->args, "momentum"));
	now[0] = pt_reshape(g, mean, &channels);
	now[1] =
		pt_mul(g, pt_reshape(g, variance, &channels), pt_real(g, (double) n / (double) (n - 1)));
	for (int i = 0; i < 2; i++)
	{
		PtRef running = pt_build_state(b, m, names[i]);
		PtRef rest = pt_sub(g, pt_real(g, 1), factor);

		pt_build_update(b, m, names[i],
						pt_add(g, pt_mul(g, now[i], factor), pt_mul(g, running, rest)));
	}
	pt_build_update(b, m, "num_batches_tracked", count);
}

static PtRef
build_batch(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	PtRef x = in[0];
	const PtShape shape = pt_value(g, x)->shape;
	int64_t channels = pt_args_int(m->args, "num_features");
	int64_t dims[] = {0, 2};
	bool tracks = pt_args_bool(m->args, "track_running_stats");
	PtRef mean, variance, scale, weight, bias;
	char title[PT_MODULE_TITLE], text[PT_SHAPE_TEXT];
	int64_t n;

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (shape.ndim < 2 || shape.ndim > 3 || shape.dim[1] != channels)
		return pt_graph_fail(
			g, PT_ESHAPE, "module %s expects an input of shape [N, %lld] or [N, %lld, L], not %s",
			pt_module_title(m, title), (long long) channels, (long long) channels,
			pt_shape_print(&shape, text));
	weight = pt_build_channels(b, m, pt_build_state(b, m, "weight"), &shape);
	bias = pt_build_channels(b, m, pt_build_state(b, m, "bias"), &shape);
	if (b->training || !tracks)
	{
		n = pt_shape_numel(&shape) / channels;
		if (!enough(b, m, x, n, "channel"))
			return PT_NO_REF;
		mean = mean_of(g, x, dims, shape.ndim - 1);
		x = pt_sub(g, x, mean);
		variance = mean_of(g, pt_square(g, x), dims, shape.ndim - 1);
		if (b->training && tracks)
			track(b, m, mean, variance, n);
	}
	else
	{
		mean = pt_build_channels(b, m, pt_build_state(b, m, "running_mean"), &shape);
		variance = pt_build_channels(b, m, pt_build_state(b, m, "running_var"), &shape);
		x = pt_sub(g, x, mean);
	}
	scale = inverse_deviation(b, m, variance);
	return affine(g, x, weight != PT_NO_REF ? pt_mul(g, scale, weight) : scale, bias);
}

/* ---------- LayerNorm ---------- */

static PtShape
normalized_shape(const PtModule *m)
{
	const PtValue *v = pt_args_get(m->args, "normalized_shape");
	PtShape shape = {.ndim = v->count};

	for (int i = 0; i < v->count; i++)
		shape.dim[i] = v->ints[i];
	return shape;
}

static bool
check_layer(const PtModule *m, PtError *err)
{
	int n = pt_args_get(m->args, "normalized_shape")->count;

	if (n >= 1 && n < PT_MAX_DIM)
	{
		const PtShape shape = normalized_shape(m);
		int64_t numel; /* what it counts must not overflow */

		return pt_shape_check(&shape, PT_FLOAT32, &numel, err);
	}
	return pt_fail(err, PT_EINVAL,
				   "argument \"normalized_shape\" of nn.LayerNorm must have 1 to %d sizes, not %d",
				   PT_MAX_DIM - 1, n);
}

static bool
declare_layer(PtDeclare *d, const PtModule *m)
{
	const PtShape shape = normalized_shape(m);

	return !pt_args_bool(m->args, "elementwise_affine") || declare_affine(d, m, &shape);
}

static bool
shapes_layer(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	const PtShape want = normalized_shape(m);
	char title[PT_MODULE_TITLE], a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];
	bool fits = in->ndim < 0 || in->ndim >= want.ndim;

	*out = *in;
	if (in->ndim < 0)
		return pt_shapes_last(m, want.dim[want.ndim - 1], want.dim[want.ndim - 1], in, out, err);
	for (int i = 0; fits && i < want.ndim; i++)
	{
		int64_t have = in->dim[in->ndim - want.ndim + i];

		fits = have < 0 || have == want.dim[i];
	}
	return fits ||
		   pt_fail(err, PT_ESHAPE, "module %s expects an input of shape [*, %s, not %s",
				   pt_module_title(m, title), pt_shape_print(&want, a) + 1, pt_shape_print(in, b));
}

static PtRef
build_layer(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	PtRef x = in[0];
	const PtShape shape = pt_value(g, x)->shape;
	const PtShape want = normalized_shape(m);
	PtRef weight = pt_build_state(b, m, "weight"), bias = pt_build_state(b, m, "bias");
	const PtShape row = pt_row_shape(&shape);
	PtShape out;
	int64_t last;
	PtError err;

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (!shapes_layer(m, &row, &out, &err))
		return pt_build_fail(b, &err);
	if (want.ndim > 1)
	{
		/* what is normalised together becomes the last dimension */
		int64_t n = pt_shape_numel(&want);

		x = pt_reshape(g, x, &(PtShape){2, {pt_shape_numel(&shape) / n, n}});
		weight = weight != PT_NO_REF ? pt_reshape(g, weight, &(PtShape){1, {n}}) : PT_NO_REF;
		bias = bias != PT_NO_REF ? pt_reshape(g, bias, &(PtShape){1, {n}}) : PT_NO_REF;
	}
	last = pt_value(g, x)->shape.ndim - 1;
	x = pt_sub(g, x, mean_of(g, x, &last, 1));
	x = affine(g, x, inverse_deviation(b, m, mean_of(g, pt_square(g, x), &last, 1)), PT_NO_REF);
	if (weight != PT_NO_REF)
		x = affine(g, x, weight, bias);
	return want.ndim > 1 ? pt_reshape(g, x, &shape) : x;
}

/* ---------- GroupNorm ---------- */

static bool
check_group(const PtModule *m, PtError *err)
{
	int64_t groups = pt_args_int(m->args, "num_groups");
	int64_t channels = pt_args_int(m->args, "num_channels");

	return channels % groups == 0 ||
		   pt_fail(err, PT_EINVAL, "nn.GroupNorm cannot divide %lld channels into %lld groups",
				   (long long) channels, (long long) groups);
}

static bool
declare_group(PtDeclare *d, const PtModule *m)
{
	return !pt_args_bool(m->args, "affine") ||
		   declare_affine(d, m, &(PtShape){1, {pt_args_int(m->args, "num_channels")}});
}

static bool
shapes_group(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	*out = *in;
	return pt_shapes_channels(m, pt_args_int(m->args, "num_channels"), in, err);
}

static PtRef
build_group(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	PtRef x = in[0];
	const PtShape shape = pt_value(g, x)->shape;
	int64_t groups = pt_args_int(m->args, "num_groups");
	int64_t channels = pt_args_int(m->args, "num_channels");
	PtRef weight, bias;
	char title[PT_MODULE_TITLE], text[PT_SHAPE_TEXT];
	int64_t last = 2, each;

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (shape.ndim < 2 || shape.dim[1] != channels)
		return pt_graph_fail(g, PT_ESHAPE,
							 "module %s expects an input of shape [N, %lld, ...], not %s",
							 pt_module_title(m, title), (long long) channels,
							 pt_shape_print(&shape, text));
	each = channels / groups;
	for (int i = 2; i < shape.ndim; i++)
		if (__builtin_mul_overflow(each, shape.dim[i], &each))
			return pt_graph_fail(g, PT_ELIMIT, "module %s: its input of shape %s is too large",
								 pt_module_title(m, title), pt_shape_print(&shape, text));
	if (!enough(b, m, x, each * shape.dim[0], "group"))
		return PT_NO_REF;
	weight = pt_build_channels(b, m, pt_build_state(b, m, "weight"), &shape);
	bias = pt_build_channels(b, m, pt_build_state(b, m, "bias"), &shape);
	x = pt_reshape(g, x, &(PtShape){3, {shape.dim[0], groups, each}});
	x = pt_sub(g, x, mean_of(g, x, &last, 1));
	x = affine(g, x, inverse_deviation(b, m, mean_of(g, pt_square(g, x), &last, 1)), PT_NO_REF);
	x = pt_reshape(g, x, &shape);
	return weight != PT_NO_REF ? affine(g, x, weight, bias) : x;
}

const PtModuleType pt_norm_modules[] = {
	{
		.name = "BatchNorm1d",
		.doc =
			"Normalises each channel over the batch; evaluation uses running averages of mean and variance.",
		.params = (const PtParam[]){{"num_features", PT_ARG_INT, PT_SIZE},
									EPS,
									{"momentum", PT_ARG_REAL, .nullable = true, .init = 0.1},
									{"affine", PT_ARG_BOOL, .init = 1},
									{"track_running_stats", PT_ARG_BOOL, .init = 1},
									{"bias", PT_ARG_BOOL, .init = 1, .keyword = true},
									{NULL}},
		.declare = declare_batch,
		.shapes = shapes_batch,
		.build = build_batch,
	},
	{
		.name = "LayerNorm",
		.doc = "Normalises each row over its last dimensions, which must be normalized_shape.",
		.params = (const PtParam[]){{"normalized_shape", PT_ARG_INTS, PT_SIZE},
									EPS,
									{"elementwise_affine", PT_ARG_BOOL, .init = 1},
									{"bias", PT_ARG_BOOL, .init = 1},
									{NULL}},
		.check = check_layer,
		.declare = declare_layer,
		.shapes = shapes_layer,
		.casting = PT_CAST_FULL,
		.build = build_layer,
	},
	{
		.name = "GroupNorm",
		.doc = "Normalises each row over groups of its channels (dimension 1).",
		.params = (const PtParam[]){{"num_groups", PT_ARG_INT, PT_SIZE},
									{"num_channels", PT_ARG_INT, PT_SIZE},
									EPS,
									{"affine", PT_ARG_BOOL, .init = 1},
									{"bias", PT_ARG_BOOL, .init = 1, .keyword = true},
									{NULL}},
		.check = check_group,
		.declare = declare_group,
		.shapes = shapes_group,
		.casting = PT_CAST_FULL,
		.build = build_group,
	},
	{NULL},
};
