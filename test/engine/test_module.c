/*
 * test_module.c
 *	  Modules: text both ways, errors with paths, state_dict names and offsets, initial weights, shapes, graphs.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/golden.h"
#include "engine/nn/module.h"

static PtArena *arena;

/* Canonical text of a module, or the error's message. */
static const char *
canonical(const char *text)
{
	static PtError err;
	PtModule *m = pt_module_parse(arena, text, &err);
	const char *printed = m ? pt_module_print(arena, m, &err) : NULL;

	return printed ? printed : err.message;
}

static void
check_text(const char *text, const char *want)
{
	const char *got = canonical(text);

	CHECK(strcmp(got, want) == 0, "%s: %s, wanted %s", text, got, want);
	if (strncmp(got, "nn.", 3) == 0 && strcmp(got, want) == 0)
		CHECK(strcmp(canonical(got), got) == 0, "%s reads back as %s", got, canonical(got));
}

static void
test_text(void)
{
	check_text("nn.Linear(64, 32)", "nn.Linear(64, 32)");
	check_text(" torch.nn.Linear ( in_features = 8*8 , out_features=32, bias=True )",
			   "nn.Linear(64, 32)");
	check_text("Linear(64, 32, False)", "nn.Linear(64, 32, bias=False)");
	check_text("nn.linear(1, 1, bias=0)", "nn.Linear(1, 1, bias=False)");
	check_text("nn.ReLU(True)", "nn.ReLU(inplace=True)");
	check_text("nn.Sequential()", "nn.Sequential()");
	check_text("nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10, bias=False))",
			   "nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10, bias=False))");
	check_text("nn.Sequential(nn.Sequential(nn.Sequential(), nn.ReLU()), nn.Linear(2, 3),)",
			   "nn.Sequential(nn.Sequential(nn.Sequential(), nn.ReLU()), nn.Linear(2, 3))");
	check_text("nn.CrossEntropyLoss()", "nn.CrossEntropyLoss()");
	check_text("nn.CrossEntropyLoss(None, -100, 'mean', 0)", "nn.CrossEntropyLoss()");
	check_text("nn.CrossEntropyLoss(weight=[1, 2.5, 1e-8], label_smoothing=0.1)",
			   "nn.CrossEntropyLoss(weight=(1.0, 2.5, 1e-08), label_smoothing=0.1)");
	check_text("nn.CrossEntropyLoss(weight=[0.5], ignore_index=3, reduction=\"sum\")",
			   "nn.CrossEntropyLoss(weight=(0.5,), ignore_index=3, reduction='sum')");
	check_text("nn.MSELoss(reduction='sum')", "nn.MSELoss(reduction='sum')");
}

static void
test_text_errors(void)
{
	check_text("nn.Linear(64)", "nn.Linear is missing the argument \"out_features\"");
	check_text("nn.Linear(64, 32, True, 4)", "nn.Linear takes at most 3 arguments, not 4");
	check_text("nn.Linear(64, 0)",
			   "argument \"out_features\" of nn.Linear must be at least 1, not 0");
	check_text("nn.Linear(64, -1)",
			   "argument \"out_features\" of nn.Linear must be at least 1, not -1");
	check_text("nn.Linear(64, 3000000000)",
			   "argument \"out_features\" of nn.Linear must be at most 2147483647, not 3000000000");
	check_text("nn.Linear(64, 32.0)",
			   "argument \"out_features\" of nn.Linear must be an integer, not a float");
	check_text("nn.Linear(64, True)",
			   "argument \"out_features\" of nn.Linear must be an integer, not a boolean");
	check_text("nn.Linear(64, None)",
			   "argument \"out_features\" of nn.Linear must be an integer, not None");
	check_text("nn.Linear(64, out=3)", "nn.Linear has no argument \"out\"");
	check_text("nn.Linear(64, n)", "name \"n\" does not exist");
	check_text("nn.Linear(1 // 0, 1)", "division by zero in a constant expression");
	check_text("nn.Linaer(64, 32)", "module \"nn.Linaer\" does not exist");
	check_text("nn.Linear", "a module must be a call");
	check_text("3", "a module must be a call");
	check_text("", "unexpected end of text, expected an expression");
	check_text("x -> x", "a module must be a call");
	check_text("nn.Sequential(3)",
			   "argument \"modules\" of nn.Sequential must be a module, not an integer");
	check_text("nn.Sequential(nn.MSELoss())", "nn.MSELoss is a loss, not a layer");
	check_text("nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(64, 10))",
			   "module 2 (nn.Linear) expects 64 features, not 32");
	check_text("nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))",
			   "module 1.1 (nn.Linear) expects 2 features, not 3");
	check_text(
		"nn.MSELoss(reduction='avg')",
		"argument \"reduction\" of nn.MSELoss must be \"none\", \"mean\" or \"sum\", not \"avg\"");
	check_text("nn.CrossEntropyLoss(label_smoothing=1.5)",
			   "argument \"label_smoothing\" of nn.CrossEntropyLoss must be at most 1, not 1.5");
	check_text("nn.CrossEntropyLoss(weight=1.5)",
			   "argument \"weight\" of nn.CrossEntropyLoss must be a list of numbers, not a float");
}

/* Many modules are fine, deep ones are refused. */
static void
test_sizes(void)
{
	size_t size = 1 << 20;
	char *text = malloc(size);
	char *s = text;
	PtError err = {0};
	PtModule *m;
	PtStateDict sd;
	clock_t begin = clock();

	s += sprintf(s, "nn.Sequential(");
	for (int i = 0; i < 10000; i++)
		s += sprintf(s, "nn.Linear(2, 2), ");
	sprintf(s, ")");
	m = pt_module_parse(arena, text, &err);
	CHECK(m != NULL && m->nchildren == 10000, "%s", err.message);
	CHECK_OK(pt_module_state(arena, m, &sd, &err), &err);
	CHECK(sd.count == 20000 && strcmp(sd.entries[19999].name, "9999.bias") == 0, "%d entries",
		  sd.count);
	{
		PtGraph *g = pt_graph_new(&err);
		PtRef *state = calloc(20000, sizeof(PtRef));
		PtBuild b = {.g = g, .sd = &sd, .state = state};
		PtRef x = pt_external(g, "x", PT_FLOAT32, &(PtShape){2, {1, 2}});
		PtRef y;

		for (int i = 0; i < sd.count; i++)
			state[i] = pt_external(g, sd.entries[i].name, PT_FLOAT32, &sd.entries[i].shape);
		y = pt_module_build(&b, m, &x, 1);
		CHECK(y != PT_NO_REF && g->nnodes >= 10000, "%s", g->error.message);
		free(state);
		pt_graph_free(g);
	}
	CHECK(clock() - begin < 5 * CLOCKS_PER_SEC, "10,000 modules took %g s",
		  (double) (clock() - begin) / CLOCKS_PER_SEC);

	for (int n = 10; n <= 10000; n *= 10)
	{
		s = text;
		for (int i = 0; i < n; i++)
			s += sprintf(s, "nn.Sequential(");
		for (int i = 0; i < n; i++)
			s += sprintf(s, ")");
		m = pt_module_parse(arena, text, &err);
		CHECK((m != NULL) == (n < 300) && (m != NULL || err.code == PT_ELIMIT), "%d deep: %s", n,
			  err.message);
	}
	/* nor one level after the other, as SQL's constructors do */
	m = (PtModule *) pt_constructor_call(arena, &pt_modules,
										 pt_constructor_find(&pt_modules, "Sequential"), NULL, 0,
										 &err);
	for (int i = 0; m != NULL && i < 1000; i++)
	{
		PtGiven given = {NULL, {PT_VALUE_OBJECT, 1, {.objects = (PtObject **) &m}}};

		m = (PtModule *) pt_constructor_call(arena, &pt_modules,
											 pt_constructor_find(&pt_modules, "sequential"), &given,
											 1, &err);
	}
	CHECK(m == NULL && err.code == PT_ELIMIT, "%s", err.message);

	/* a short text may stand for much: each level calls the one below twice, or names it at length */
	for (int n = 10; n <= 200; n *= 20)
	{
		s = text;
		for (int i = 0; i < n; i++)
			s += sprintf(s, "nn.Graph('x -> f(x) + f(x)', 'f', ");
		s += sprintf(s, "nn.ReLU()");
		for (int i = 0; i < n; i++)
			s += sprintf(s, ")");
		m = pt_module_parse(arena, text, &err);
		CHECK((m != NULL) == (n == 10) && (m != NULL || err.code == PT_ELIMIT), "%d twice: %s", n,
			  err.message);
	}
	s = text;
	for (int i = 0; i < 20; i++)
		s += sprintf(s, "nn.Graph('x -> x', 'f%0150d', ", 0);
	s += sprintf(s, "nn.ReLU()");
	for (int i = 0; i < 20; i++)
		s += sprintf(s, ")");
	m = pt_module_parse(arena, text, &err);
	CHECK(m == NULL && err.code == PT_ELIMIT, "%s", err.message);
	s = text + sprintf(text, "nn.Sequential(");
	for (int i = 0; i < PT_MODULE_WORK; i++)
		s += sprintf(s, "Tanh(),");
	sprintf(s, ")");
	m = pt_module_parse(arena, text, &err);
	CHECK(m == NULL && strcmp(err.message, "nn.Sequential is made of more than 100000 modules and "
										   "operations") == 0,
		  "%s", err.message);
	/* many inputs, modules and calls at once */
	s = text + sprintf(text, "nn.Graph('(x0");
	for (int i = 1; i < PT_MAX_INPUTS; i++)
		s += sprintf(s, ", x%d", i);
	s += sprintf(s, ") -> x0");
	for (int i = 0; i < 15000; i++)
		s += sprintf(s, i % 100 == 0 ? "; y = m999(x0)" : " + m999(x0)");
	s += sprintf(s, "; x0'");
	for (int i = 0; i < 1000; i++)
		s += sprintf(s, ", 'm%d', nn.ReLU()", i);
	sprintf(s, ")");
	m = pt_module_parse(arena, text, &err);
	CHECK(m != NULL && pt_module_inputs(m) == PT_MAX_INPUTS && m->nchildren == 1000, "%s",
		  err.message);
	CHECK(clock() - begin < 20 * CLOCKS_PER_SEC, "large texts took %g s",
		  (double) (clock() - begin) / CLOCKS_PER_SEC);
	free(text);

	m = pt_module_parse(arena, "nn.Linear(2147483647, 2147483647)", &err);
	CHECK(m != NULL && !pt_module_state(arena, m, &sd, &err) && err.code == PT_ELIMIT, "%s",
		  err.message);
}

static void
test_state(void)
{
	PtError err = {0};
	PtModule *m = pt_module_parse(
		arena,
		"nn.Sequential(nn.Linear(5, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 7, bias=False)), nn.Linear(7, 1))",
		&err);
	static const char *const names[] = {"0.weight", "0.bias", "1.1.weight", "2.weight", "2.bias"};
	static const int64_t offsets[] = {0, 16, 32, 64, 80};
	PtStateDict sd;

	if (!CHECK(m != NULL && pt_module_state(arena, m, &sd, &err), "%s", err.message))
		return;
	CHECK(sd.count == 5 && sd.flat == 96 && sd.numel == 15 + 3 + 21 + 7 + 1,
		  "%d entries, %d flat, %d", sd.count, (int) sd.flat, (int) sd.numel);
	for (int i = 0; i < 5; i++)
	{
		CHECK(strcmp(sd.entries[i].name, names[i]) == 0, "entry %d is %s", i, sd.entries[i].name);
		CHECK(sd.entries[i].offset == offsets[i], "%s is at %d", names[i],
			  (int) sd.entries[i].offset);
		CHECK(sd.entries[i].trainable && sd.entries[i].dtype == PT_FLOAT32);
	}
	CHECK(sd.entries[2].shape.dim[0] == 7 && sd.entries[2].shape.dim[1] == 3,
		  "weights are [out, in]");
	m = pt_module_parse(arena, "nn.Linear(5, 3)", &err);
	CHECK(pt_module_state(arena, m, &sd, &err) && strcmp(sd.entries[0].name, "weight") == 0,
		  "no dot at the root");
	m = pt_module_parse(arena, "nn.Sequential()", &err);
	CHECK(pt_module_state(arena, m, &sd, &err) && sd.count == 0, "no state");
}

/* Initial weights are PyTorch's from the same seed, bit for bit. */
static void
test_init(void)
{
	Golden f;

	if (!golden_open(&f, "test/golden/init.txt"))
		return;
	while (golden_case(&f))
	{
		PtError err = {0};
		PtModule *m = pt_module_parse(f.arena, f.name, &err);
		PtStateDict sd;
		PtRng rng;
		void *data[16];

		if (!CHECK(m != NULL && pt_module_state(f.arena, m, &sd, &err), "%s: %s", f.name,
				   err.message))
			continue;
		CHECK(sd.count == f.nlines - 1, "%s has %d entries", f.name, sd.count);
		for (int i = 0; i < sd.count; i++)
			data[i] = pt_arena_alloc(f.arena, (size_t) pt_shape_numel(&sd.entries[i].shape) *
												  pt_dtype_size(sd.entries[i].dtype));
		pt_rng_seed(&rng, strtoull(golden_text(&f, "seed"), NULL, 10));
		CHECK_OK(pt_module_init(m, &sd, &rng, data, &err), &err);
		for (int i = 0; i < sd.count; i++)
		{
			char key[128];
			PtTensor want;

			snprintf(key, sizeof(key), "state/%s", sd.entries[i].name);
			if (CHECK(golden_tensor(&f, key, &want), "%s: PyTorch has no %s", f.name, key))
				CHECK(pt_shape_equal(&want.shape, &sd.entries[i].shape) &&
						  memcmp(data[i], want.data, pt_tensor_bytes(&want)) == 0,
					  "%s: %s differs", f.name, key);
		}
	}
	golden_close(&f);
}

static void
test_shapes(void)
{
	PtError err = {0};
	PtModule *m = pt_module_parse(arena, "nn.Sequential(nn.Linear(5, 3), nn.ReLU())", &err);
	PtShape out;

	CHECK(pt_module_inputs(m) == 1 && !pt_module_input_is_index(m, 0));
	CHECK(pt_module_output_shape(m, &(PtShape){1, {5}}, 1, &out, &err) && out.ndim == 1 &&
		  out.dim[0] == 3);
	CHECK(pt_module_output_shape(m, &(PtShape){3, {2, 9, 5}}, 1, &out, &err) && out.ndim == 3 &&
		  out.dim[2] == 3 && out.dim[1] == 9);
	CHECK(pt_module_output_shape(m, &(PtShape){-1, {-1}}, 1, &out, &err) && out.ndim == -1 &&
		  out.dim[0] == 3);
	CHECK(!pt_module_output_shape(m, &(PtShape){1, {4}}, 1, &out, &err) &&
			  strcmp(err.message, "module 0 (nn.Linear) expects 5 features, not 4") == 0,
		  "%s", err.message);
	CHECK(!pt_module_output_shape(m, &(PtShape){0}, 1, &out, &err) &&
			  strcmp(err.message, "module 0 (nn.Linear) expects 5 features, not a scalar") == 0,
		  "%s", err.message);
}

/* Building says which module does not fit, and with which shapes. */
static void
test_build_errors(void)
{
	static const struct
	{
		const char *loss;
		PtDtype target;
		PtShape output, shape;
		const char *want;
	} cases[] = {
		{"nn.MSELoss()",
		 PT_FLOAT32,
		 {2, {8, 1}},
		 {1, {8}},
		 "nn.MSELoss: output has shape [8, 1], target [8]"},
		{"nn.MSELoss(reduction='none')",
		 PT_FLOAT32,
		 {2, {8, 1}},
		 {2, {8, 1}},
		 "a loss to train with must be one number, so nn.MSELoss cannot have reduction='none'"},
		{"nn.CrossEntropyLoss()",
		 PT_INT64,
		 {1, {8}},
		 {1, {8}},
		 "nn.CrossEntropyLoss expects an output of shape [batch, classes], not [8]"},
		{"nn.CrossEntropyLoss()",
		 PT_INT64,
		 {2, {8, 3}},
		 {1, {7}},
		 "nn.CrossEntropyLoss: for an output of shape [8, 3], class indices must have shape [8], not [7]"},
		{"nn.CrossEntropyLoss()",
		 PT_FLOAT32,
		 {2, {8, 3}},
		 {1, {8}},
		 "nn.CrossEntropyLoss: for an output of shape [8, 3], class probabilities must have shape [8, 3], not [8]"},
		{"nn.CrossEntropyLoss(weight=[1, 2])",
		 PT_INT64,
		 {2, {8, 3}},
		 {1, {8}},
		 "nn.CrossEntropyLoss has 2 elements in \"weight\", but the output has 3 classes"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PtError err = {0};
		PtGraph *g = pt_graph_new(&err);
		PtStateDict sd = {0};
		PtBuild b = {.g = g, .sd = &sd, .training = true};
		PtModule *m = pt_module_parse(arena, cases[i].loss, &err);
		PtRef in[2] = {pt_external(g, "output", PT_FLOAT32, &cases[i].output),
					   pt_external(g, "target", cases[i].target, &cases[i].shape)};

		CHECK(pt_module_build(&b, m, in, 2) == PT_NO_REF &&
				  strcmp(g->error.message, cases[i].want) == 0,
			  "%s", g->error.message);
		pt_graph_free(g);
	}
}

int
main(void)
{
	arena = pt_arena_new();
	test_text();
	test_text_errors();
	test_sizes();
	test_state();
	test_init();
	test_shapes();
	test_build_errors();
	pt_arena_free(arena);
	return check_done();
}
