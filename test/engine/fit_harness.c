/*
 * fit_harness.c
 *	  A data set by a closed formula, and what a fit needs.
 */
#include "engine/fit_harness.h"

float
feature(int64_t i, int64_t j)
{
	return (float) ((((7 * i + 3) * (13 * j + 5) + i * i) % 101)) / 50.5f - 1;
}

bool
set_up(Setup *s, const char *model, const char *loss, const char *optimizer, int64_t seed,
	   int64_t rows, int64_t width, int64_t classes)
{
	PtModule *m;
	PtRng rng;
	int64_t stride;

	memset(s, 0, sizeof(*s));
	s->arena = pt_arena_new();
	m = pt_module_parse(s->arena, model, &s->err);
	s->spec.loss = m ? pt_module_parse(s->arena, loss, &s->err) : NULL;
	s->spec.optimizer = s->spec.loss ? pt_optim_parse(s->arena, optimizer, &s->err) : NULL;
	if (!CHECK(s->spec.optimizer != NULL, "%s, %s, %s: %s", model, loss, optimizer,
			   s->err.message) ||
		!CHECK_OK(pt_module_state(s->arena, m, &s->sd, &s->err), &s->err))
		return false;
	s->values = pt_arena_alloc(s->arena, ((size_t) s->sd.count + 1) * sizeof(PtTensor));
	s->data = pt_arena_alloc(s->arena, ((size_t) s->sd.count + 1) * sizeof(void *));
	for (int i = 0; i < s->sd.count; i++)
	{
		s->values[i] = (PtTensor){s->sd.entries[i].dtype, s->sd.entries[i].shape, NULL};
		s->data[i] = s->values[i].data =
			pt_arena_alloc(s->arena, pt_tensor_bytes(&s->values[i]) + 1);
	}
	pt_rng_seed(&rng, (uint64_t) seed);
	CHECK_OK(pt_module_init(m, &s->sd, &rng, s->data, &s->err), &s->err);

	/* a row: the target, then the features */
	stride = 8 + width * (int64_t) sizeof(float);
	s->rows = malloc((size_t) (rows * stride) + 1);
	for (int64_t i = 0; i < rows; i++)
	{
		char *row = s->rows + i * stride;
		double sum = 0;

		for (int64_t j = 0; j < width; j++)
		{
			float x = feature(i, j);

			memcpy(row + 8 + j * (int64_t) sizeof(float), &x, sizeof(float));
			sum += x;
		}
		if (classes > 0)
			memcpy(row, &(int64_t){(i * 5 + i * i) % classes}, 8);
		else
			memcpy(row, &(float){(float) (sum / 4 - 0.3)}, 4);
	}
	s->input = (PtRowsetColumn){PT_FLOAT32, {1, {width}}, 8};
	s->spec.module = m;
	s->spec.sd = &s->sd;
	s->spec.values = s->values;
	s->spec.rows = s->rows;
	s->spec.nrows = rows;
	s->spec.stride = stride;
	s->spec.inputs = &s->input;
	s->spec.ninputs = 1;
	s->spec.target = classes > 0 ? (PtRowsetColumn){PT_INT64, {0}, 0}
								 : (PtRowsetColumn){PT_FLOAT32, {1, {1}}, 0};
	s->spec.options.epochs = 1;
	s->spec.options.batch_size = 32;
	s->spec.options.seed = (uint64_t) seed;
	s->spec.plan.poison = true;
	return true;
}

void
tear_down(Setup *s)
{
	pt_fit_free(s->fit);
	free(s->rows);
	pt_arena_free(s->arena);
}

const void *
row_at(const Setup *s, int64_t i)
{
	return s->rows + i * s->spec.stride;
}

PtRun
run_fit(Setup *s, int64_t budget, PtEpoch *epochs, int *nepochs, int *slices)
{
	PtEpoch epoch;
	PtRun run;

	*nepochs = 0;
	while ((run = pt_fit_run(s->fit, budget, &epoch, &s->err)) == PT_RUN_MORE)
	{
		if (slices != NULL)
			++*slices;
		if (epoch.epoch > 0)
			epochs[(*nepochs)++] = epoch;
	}
	return run;
}

float *
read_weights(Setup *s)
{
	float *all = calloc((size_t) s->sd.numel + 1, sizeof(float));
	int64_t n = 0;

	for (int i = 0; i < s->sd.count; i++)
		if (s->sd.entries[i].trainable)
		{
			CHECK_OK(pt_network_read(pt_fit_network(s->fit), i, all + n, &s->err), &s->err);
			n += pt_shape_numel(&s->sd.entries[i].shape);
		}
	return all;
}
