/*
 * test_outputs.c
 *	  Modules with several results, optional inputs, inputs in tuples and options: called from nn.Graph.
 *
 * The module is one of the test's own, as a recurrent layer is: y, (h, c) = cell(x, (h, c), lengths=n).
 */
#include "engine/golden.h"
#include "engine/graph/build.h"
#include "engine/graph_harness.h"
#include "engine/nn/network.h"
#include "engine/run.h"

static PtDevice *dev;

/* ---------- the module ---------- */

static PtValue
tensor(PtRef x)
{
	return (PtValue){PT_VALUE_TENSOR, 0, {.tensor = x}};
}

static PtValue
pair(PtArena *arena, PtValue a, PtValue b)
{
	PtTuple *tuple = pt_arena_alloc(arena, sizeof(PtTuple));
	PtValue *values = pt_arena_alloc(arena, 2 * sizeof(PtValue));

	values[0] = a;
	values[1] = b;
	*tuple = (PtTuple){.of = "Cell", .count = 2, .values = values};
	return (PtValue){PT_VALUE_TUPLE, 2, {.tuple = tuple}};
}

/* y = x + h + c + lengths; new h = 2 h, c = 3 c; without a state, zeros; with need_state False, None. */
static bool
forward(PtBuild *b, const PtModule *m, const PtArgs *in, PtValue *out)
{
	PtGraph *g = b->g;
	const PtValue *hx = pt_args_get(in, "hx"), *lengths = pt_args_get(in, "lengths");
	PtRef x = pt_args_get(in, "input")->tensor;
	PtRef zero = pt_mul(g, x, pt_real(g, 0));
	PtRef h = zero, c = zero;
	PtValue state;

	if (hx->kind != PT_VALUE_NONE && hx->count != 2)
		return pt_graph_fail(g, PT_EINVAL, "nn.%s takes a state of 2 tensors, not %d",
							 m->type->name, hx->count);
	if (hx->kind != PT_VALUE_NONE)
	{
		h = hx->tensors[0];
		c = hx->tensors[1];
	}
	x = pt_add(g, x, pt_add(g, h, c));
	if (lengths->kind != PT_VALUE_NONE)
		x = pt_add(g, x, lengths->tensor);
	h = pt_mul(g, h, pt_real(g, 2));
	c = pt_mul(g, c, pt_real(g, 3));
	state = pair(g->arena, tensor(h), tensor(c));
	if (!pt_args_bool(in, "need_state"))
		state = (PtValue){PT_VALUE_NONE, 0, {0}};
	*out = pair(g->arena, tensor(x), state);
	return g->error.code == PT_OK;
}

static const PtModuleType cell = {
	.name = "Cell",
	.params = (const PtParam[]){{NULL}},
	.inputs = (const PtParam[]){{"input", PT_ARG_TENSOR, .required = true},
								{"hx", PT_ARG_TENSORS, .init_none = true},
								{"lengths", PT_ARG_TENSOR, .init_none = true},
								{"need_state", PT_ARG_BOOL, .init = 1},
								{NULL}},
	.indices = 1 << 2,
	.casting = PT_CAST_INNER,
	.forward = forward,
};

static PtModule *
make(PtArena *arena, const char *expression, PtError *err)
{
	PtObject *one =
		pt_constructor_call(arena, &pt_modules, (const PtConstructor *) &cell, NULL, 0, err);
	PtGiven given[] = {{NULL, {PT_VALUE_WORD, 0, {.word = expression}}},
					   {NULL, {PT_VALUE_WORD, 0, {.word = "cell"}}},
					   {NULL, {PT_VALUE_OBJECT, 1, {.objects = &one}}}};

	return (PtModule *) pt_constructor_call(arena, &pt_modules,
											pt_constructor_find(&pt_modules, "Graph"), given, 3,
											err);
}

/* ---------- calls ---------- */

/* Inputs x = 1, h = 10, c = 100, n = 1000: what a network of the cell gives. */
static void
test_calls(PtArena *arena)
{
	static const struct
	{
		const char *expression;
		bool index; /* whether n is fed as lengths */
		int n;
		double want[4];
	} cases[] = {
		{"(x, h, c, n) -> cell(x)", false, 3, {1, 0, 0}},
		{"(x, h, c, n) -> cell(x, (h, c))", false, 3, {111, 20, 300}},
		{"(x, h, c, n) -> cell(x, [h, c])", false, 3, {111, 20, 300}},
		{"(x, h, c, n) -> cell(x, (h, c), n)", true, 3, {1111, 20, 300}},
		{"(x, h, c, n) -> cell(x, lengths=n)", true, 3, {1001, 0, 0}},
		{"(x, h, c, n) -> cell(hx=(h, c), input=x, lengths=n)", true, 3, {1111, 20, 300}},
		{"(x, h, c, n) -> cell(x, None, n)", true, 3, {1001, 0, 0}},
		{"(x, h, c, n) -> cell(x, need_state=False)", false, 1, {1}},
		{"(x, h, c, n) -> y, (h2, c2) = cell(x, (h, c)); (c2, y + h2)", false, 2, {300, 131}},
		{"(x, h, c, n) -> y, s = cell(x, (h, c)); y2, s = cell(y, s); (y2, s[1])",
		 false,
		 2,
		 {431, 900}},
		{"(x, h, c, n) -> y, s = cell(x); cell(y, s)[0]", false, 1, {1}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *text = cases[i].expression;
		PtError err = {0};
		PtModule *m = make(arena, text, &err);
		PtRef in[4], out[PT_MAX_OUTPUTS];
		PtStateDict sd = {0};
		PtBuild b;
		Case c;
		int n, y[4];

		if (!CHECK(m != NULL, "%s: %s", text, err.message))
			continue;
		CHECK(pt_module_inputs(m) == 4, "%s has %d inputs", text, pt_module_inputs(m));
		case_begin(&c);
		b = (PtBuild){.g = c.g, .sd = &sd};
		for (int k = 0; k < 4; k++)
		{
			bool index = k == 3 && cases[i].index;
			int x = case_external(&c, index ? PT_INT64 : PT_FLOAT32, SHAPE(1, 1));

			CHECK(pt_module_input_is_index(m, k) == index, "%s: input %d", text, k);
			case_set(&c, x, 0, pow(10, k));
			in[k] = c.ext[x];
		}
		n = pt_module_results(&b, m, in, 4, out);
		CHECK(n == cases[i].n, "%s: %d results: %s", text, n, c.g->error.message);
		for (int k = 0; k < n; k++)
			y[k] = case_output(&c, out[k]);
		if (CHECK_OK(run_case(&c, dev, NULL, 1, &err), &err))
			for (int k = 0; k < n; k++)
				CHECK(case_get(&c, y[k], 0) == cases[i].want[k], "%s: result %d is %g, wanted %g",
					  text, k, case_get(&c, y[k], 0), cases[i].want[k]);
		case_end(&c);
	}
}

/* ---------- mistakes ---------- */

static void
test_refused(PtArena *arena)
{
	static const struct
	{
		const char *call, *want;
	} cases[] = {
		{"cell()", "module cell (nn.Cell) takes 1 to 4 inputs, not 0"},
		{"cell(x, (h, h), h, True, h)", "module cell (nn.Cell) takes 1 to 4 inputs, not 5"},
		{"cell(x, length=h)", "module cell (nn.Cell) has no argument \"length\""},
		{"cell(x, h)",
		 "argument \"hx\" of module cell (nn.Cell) must be a list of tensors, not a tensor"},
		{"cell(x, (h, h, h))", "nn.Cell takes a state of 2 tensors, not 3"},
		{"cell(x, lengths=2)",
		 "argument \"lengths\" of module cell (nn.Cell) must be a tensor, not an integer"},
		{"cell(x, need_state=h)",
		 "argument \"need_state\" of module cell (nn.Cell) must be True or False, not a tensor"},
		{"cell(cell(x))",
		 "argument \"input\" of module cell (nn.Cell) must be a tensor, not a tuple"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PtError err = {0};
		PtModule *m = make(arena, pt_arena_printf(arena, "(x, h) -> %s", cases[i].call), &err);
		PtShape in[2] = {{1, {3}}, {1, {3}}}, out[PT_MAX_OUTPUTS];

		if (CHECK(m != NULL, "%s: %s", cases[i].call, err.message))
			CHECK(pt_module_trace(m, in, 2, out, NULL, NULL, &err) == 0 &&
					  strncmp(err.message, cases[i].want, strlen(cases[i].want)) == 0,
				  "%s: %s, wanted %s", cases[i].call, err.message, cases[i].want);
	}
}

/* A tuple of itself, of itself, ... is short to write and endless to walk. */
static void
test_doubled(PtArena *arena)
{
	static const char *const first[] = {"None, None", "x, h", "(), ()"};

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		for (int n = 2; n <= 60; n += 58)
		{
			PtShape in[2] = {{1, {3}}, {1, {3}}}, out[PT_MAX_OUTPUTS];
			char text[1024];
			char *s = text + sprintf(text, "(x, h) -> t = %s; ", first[i]);
			PtError err = {0};
			PtModule *m;
			bool built;

			for (int k = 0; k < n; k++)
				s += sprintf(s, "t = (t, t); ");
			sprintf(s, "(x, t)");
			m = make(arena, text, &err);
			if (!CHECK(m != NULL, "%s", err.message))
				continue;
			built = pt_module_trace(m, in, 2, out, NULL, NULL, &err) > 0;
			CHECK(built == (n == 2), "%s: %s", text, err.message);
			CHECK(built || strstr(err.message, "a tuple holds more than 10000 values") != NULL,
				  "%s", err.message);
		}
}

/* ---------- as a network ---------- */

/* Results beside each other in a forward pass, and the shapes that a trace tells. */
static void
test_forward(PtArena *arena)
{
	PtError err = {0};
	PtModule *m = make(arena, "(x, h) -> y, (a, b) = cell(x, (h[:, :3], x)); (y, h, (b,))", &err);
	PtTensorType inputs[] = {{PT_FLOAT32, {1, {3}}}, {PT_FLOAT32, {1, {4}}}};
	PtShape in[] = {{1, {3}}, {1, {4}}}, out[PT_MAX_OUTPUTS];
	static const int sizes[] = {3, 4, 3};
	PtPlanOptions options = {0};
	PtStateDict sd = {0};
	PtNetwork *net;
	PtForward *f;
	PtRun run;

	if (!CHECK(m != NULL, "%s", err.message))
		return;
	CHECK(pt_module_trace(m, in, 2, out, NULL, NULL, &err) == 3, "%s", err.message);
	for (int i = 0; i < 3; i++)
		CHECK(out[i].ndim == 1 && out[i].dim[0] == sizes[i], "shape of result %d", i);
	net = pt_network_new(m, &sd, NULL, dev, &err);
	f = net ? pt_forward_new(net, inputs, 2, 2, NULL, &options, &err) : NULL;
	if (CHECK(f != NULL && f->noutputs == 3, "%s", err.message))
	{
		for (int k = 0; k < 6; k++)
			((float *) f->inputs[0].data)[k] = (float) k;
		for (int k = 0; k < 8; k++)
			((float *) f->inputs[1].data)[k] = (float) (10 * k);
		while ((run = pt_forward_run(f, 1000000, &err)) == PT_RUN_MORE)
			;
		CHECK(run == PT_RUN_DONE, "%s", err.message);
		for (int i = 0; i < 3; i++)
			CHECK(pt_shape_equal(&f->outputs[i].shape, SHAPE(2, sizes[i])), "shape of output %d",
				  i);
		/* element [1, 2] of each: x is 5, h 60 */
		CHECK(((float *) f->outputs[0].data)[5] == 5 + 60 + 5, "y");
		CHECK(((float *) f->outputs[1].data)[6] == 60, "h");
		CHECK(((float *) f->outputs[2].data)[5] == 15, "c");
	}
	pt_forward_free(f);
	pt_network_free(net);
}

/* Under autocast what goes in, in tuples too, is float32, and all that comes out is of the lower precision. */
static void
test_autocast(PtArena *arena)
{
	PtError err = {0};
	PtModule *m = make(arena, "(x, h) -> cell(x, (h, x))", &err);
	PtStateDict sd = {0};
	PtGraph *g = pt_graph_new(&err);
	PtBuild b = {.g = g, .sd = &sd, .autocast = PT_AUTOCAST_BFLOAT16};
	PtRef in[2], out[PT_MAX_OUTPUTS];
	int n;

	g->autocast = PT_AUTOCAST_BFLOAT16;
	for (int i = 0; i < 2; i++)
		in[i] = pt_external(g, "input", PT_BFLOAT16, SHAPE(2, 3));
	n = pt_module_results(&b, m, in, 2, out);
	CHECK(n == 3, "%s", g->error.message);
	for (int i = 0; i < n; i++)
		CHECK(pt_value(g, out[i])->dtype == PT_BFLOAT16, "result %d is %s", i,
			  pt_dtype_name(pt_value(g, out[i])->dtype));
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (strcmp(g->nodes[i].op->name, "mul") == 0)
			CHECK(pt_value(g, g->nodes[i].in[0])->dtype == PT_FLOAT32, "node %u computes in %s", i,
				  pt_dtype_name(pt_value(g, g->nodes[i].in[0])->dtype));
	pt_graph_free(g);
}

int
main(void)
{
	PtArena *arena = pt_arena_new();

	dev = open_device(1);
	if (dev == NULL)
		return check_done();
	test_calls(arena);
	test_refused(arena);
	test_doubled(arena);
	test_forward(arena);
	test_autocast(arena);
	dev->type->close(dev);
	pt_arena_free(arena);
	return check_done();
}
