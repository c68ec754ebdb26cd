/*
 * test_layers_shapes.c
 *	  Layers as text: what they print, what they refuse, and what they know of shapes before and with data.
 */
#include <string.h>

#include "engine/check.h"
#include "engine/nn/module.h"

static PtArena *arena;

/* Canonical text of a module, or the error's message. */
static void
check_text(const char *text, const char *want)
{
	PtError err = {0};
	PtModule *m = pt_module_parse(arena, text, &err);
	const char *got = m ? pt_module_print(arena, m, &err) : NULL;

	if (got == NULL)
		got = err.message;
	else if (CHECK((m = pt_module_parse(arena, got, &err)) != NULL, "%s: %s", got, err.message))
		CHECK(strcmp(pt_module_print(arena, m, &err), got) == 0, "%s reads back otherwise", got);
	CHECK(strcmp(got, want) == 0, "%s: %s, wanted %s", text, got, want);
}

static void
test_text(void)
{
	check_text("nn.LeakyReLU(0.01, False)", "nn.LeakyReLU()");
	check_text("nn.LeakyReLU(negative_slope=1)", "nn.LeakyReLU(negative_slope=1.0)");
	check_text("nn.GELU(approximate='tanh')", "nn.GELU(approximate='tanh')");
	check_text("nn.Hardtanh(-1, 1, min_value=-2)", "nn.Hardtanh(min_value=-2.0)");
	check_text("nn.Softmax()", "nn.Softmax()");
	check_text("nn.Softmax(-1)", "nn.Softmax(dim=-1)");
	check_text("nn.RReLU(1/8, 1/3)", "nn.RReLU()");
	check_text("nn.Threshold(0.1, 20)", "nn.Threshold(0.1, 20.0)");
	check_text("nn.Flatten()", "nn.Flatten()");
	check_text("nn.Flatten(2, end_dim=3)", "nn.Flatten(start_dim=2, end_dim=3)");
	check_text("nn.Unflatten(1, [2, 3])", "nn.Unflatten(1, (2, 3))");
	check_text("nn.BatchNorm1d(4, momentum=None)", "nn.BatchNorm1d(4, momentum=None)");
	check_text("nn.BatchNorm1d(4, 1e-5, 0.1, True, True)", "nn.BatchNorm1d(4)");
	check_text("nn.LayerNorm(8)", "nn.LayerNorm(8)");
	check_text("nn.LayerNorm([2, 4], elementwise_affine=False)",
			   "nn.LayerNorm((2, 4), elementwise_affine=False)");
	check_text("nn.GroupNorm(2, 4, 0.1)", "nn.GroupNorm(2, 4, eps=0.1)");
	check_text("nn.Dropout(p=0.5)", "nn.Dropout()");
	check_text("nn.Bilinear(2, 3, 4, False)", "nn.Bilinear(2, 3, 4, bias=False)");
}

static void
test_text_errors(void)
{
	check_text("nn.Dropout(1.5)", "argument \"p\" of nn.Dropout must be at most 1, not 1.5");
	check_text("nn.Softshrink(-1)",
			   "argument \"lambd\" of nn.Softshrink must be at least 0, not -1.0");
	check_text("nn.Hardtanh(1, 1)", "nn.Hardtanh expects min_val less than max_val, not 1 and 1");
	check_text("nn.RReLU(0.5, 0.25)",
			   "nn.RReLU expects lower not greater than upper, not 0.5 and 0.25");
	check_text("nn.CELU(0)", "argument \"alpha\" of nn.CELU must not be 0");
	check_text("nn.GELU('erf')",
			   "argument \"approximate\" of nn.GELU must be \"none\" or \"tanh\", not \"erf\"");
	check_text("nn.Threshold(0.5)", "nn.Threshold is missing the argument \"value\"");
	check_text("nn.Identity(3)", "nn.Identity takes at most 0 arguments, not 1");
	check_text("nn.Flatten(0)", "nn.Flatten cannot flatten dimension 0, the rows of a batch");
	check_text("nn.Unflatten(0, (2, 3))",
			   "nn.Unflatten cannot divide dimension 0, the rows of a batch");
	check_text("nn.Unflatten(1, (-1, -1))", "nn.Unflatten can infer one size only, not 2");
	check_text("nn.Unflatten(1, ())", "argument \"unflattened_size\" of nn.Unflatten is empty");
	check_text("nn.GroupNorm(3, 4)", "nn.GroupNorm cannot divide 4 channels into 3 groups");
	check_text("nn.LayerNorm(())",
			   "argument \"normalized_shape\" of nn.LayerNorm must have 1 to 7 sizes, not 0");
	check_text("nn.LayerNorm((65536, 65536, 65536, 65536))",
			   "a tensor of shape [65536, 65536, 65536, 65536] is too large");
	check_text("nn.BatchNorm1d(0)",
			   "argument \"num_features\" of nn.BatchNorm1d must be at least 1, not 0");
	check_text("nn.Sequential(nn.Linear(2, 3), nn.GLU())",
			   "module 1 (nn.GLU) halves a dimension, which must be even, not 3");
	check_text("nn.Sequential(nn.Linear(2, 4), nn.GLU(), nn.Linear(2, 1))",
			   "nn.Sequential(nn.Linear(2, 4), nn.GLU(), nn.Linear(2, 1))");
	check_text("nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(3))",
			   "module 1 (nn.LayerNorm) expects 3 features, not 4");
	check_text(
		"nn.Sequential(nn.Flatten(), nn.GroupNorm(1, 4), nn.Softmax(2))",
		"module 2 (nn.Softmax): its input has 2 dimensions with the batch's, so there is no dimension 2");
	check_text("nn.Sequential(nn.Flatten(), nn.Softmax(0))",
			   "module 1 (nn.Softmax): dimension 0 is the batch, whose rows stay apart");
	check_text("nn.Sequential(nn.Bilinear(2, 2, 2))",
			   "module 0 (nn.Bilinear) takes 2 inputs, not 1");
}

/* Shapes that layers make of a row's (ndim -2: it does not fit). */
static void
test_shapes(void)
{
	static const struct
	{
		const char *text;
		PtShape in, out;
	} cases[] = {
		{"nn.Flatten()", {3, {2, 3, 4}}, {1, {24}}},
		{"nn.Flatten()", {1, {5}}, {1, {5}}},
		{"nn.Flatten()", {0}, {-2}},
		{"nn.Flatten()", {2, {-1, 4}}, {1, {-1}}},
		{"nn.Flatten()", {-1, {7}}, {1, {-1}}},
		{"nn.Flatten(2)", {3, {2, 3, 4}}, {2, {2, 12}}},
		{"nn.Flatten(1, 2)", {3, {2, 3, 4}}, {2, {6, 4}}},
		{"nn.Flatten(-2, -1)", {3, {2, 3, 4}}, {2, {2, 12}}},
		{"nn.Flatten(-4)", {3, {2, 3, 4}}, {-2}}, /* the batch */
		{"nn.Flatten(3, 2)", {3, {2, 3, 4}}, {-2}},
		{"nn.Flatten(4)", {3, {2, 3, 4}}, {-2}},
		{"nn.Flatten()", {3, {1 << 30, 1 << 30, 1 << 30}}, {-2}},
		{"nn.Unflatten(1, (2, 3))", {1, {6}}, {2, {2, 3}}},
		{"nn.Unflatten(-1, (-1, 3))", {2, {5, 6}}, {3, {5, 2, 3}}},
		{"nn.Unflatten(1, (2, 3))", {2, {6, 5}}, {3, {2, 3, 5}}},
		{"nn.Unflatten(1, (2, 3))", {1, {7}}, {-2}},
		{"nn.Unflatten(1, (2, -1))", {1, {7}}, {-2}},
		{"nn.Unflatten(1, (0, -1))", {1, {0}}, {-2}},
		{"nn.Unflatten(1, (2147483647, 2147483647, 2147483647))", {1, {7}}, {-2}},
		{"nn.Unflatten(1, (1, 1, 1, 1, 1, 1, 1, 1, 6))", {1, {6}}, {-2}},
		{"nn.GLU()", {2, {3, 4}}, {2, {3, 2}}},
		{"nn.GLU(1)", {2, {6, 4}}, {2, {3, 4}}},
		{"nn.GLU(0)", {2, {6, 4}}, {-2}},
		{"nn.GLU()", {-1, {8}}, {-1, {4}}},
		{"nn.GLU(1)", {-1, {8}}, {-1, {-1}}},
		{"nn.BatchNorm1d(4)", {1, {4}}, {1, {4}}},
		{"nn.BatchNorm1d(4)", {2, {4, 9}}, {2, {4, 9}}},
		{"nn.BatchNorm1d(4)", {1, {5}}, {-2}},
		{"nn.BatchNorm1d(4)", {3, {4, 2, 2}}, {-2}},
		{"nn.LayerNorm((2, 4))", {3, {3, 2, 4}}, {3, {3, 2, 4}}},
		{"nn.LayerNorm((2, 4))", {1, {4}}, {-2}},
		{"nn.LayerNorm((2, 4))", {2, {3, 4}}, {-2}},
		{"nn.GroupNorm(2, 4)", {1, {4}}, {1, {4}}},
		{"nn.GroupNorm(2, 4)", {2, {3, 4}}, {-2}},
		{"nn.PReLU(3)", {2, {3, 4}}, {2, {3, 4}}},
		{"nn.PReLU(3)", {2, {4, 3}}, {-2}},
		{"nn.PReLU(3)", {0}, {-2}},
		{"nn.PReLU()", {0}, {0}},
		{"nn.Softmax(1)", {1, {4}}, {1, {4}}},
		{"nn.Softmax(2)", {1, {4}}, {-2}},
		{"nn.Softmax(-2)", {1, {4}}, {-2}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PtError err = {0};
		PtModule *m = pt_module_parse(arena, cases[i].text, &err);
		PtShape out = {0};
		char a[PT_SHAPE_TEXT] = "";
		bool ok;

		if (!CHECK(m != NULL, "%s: %s", cases[i].text, err.message))
			continue;
		ok = pt_module_output_shape(m, &cases[i].in, 1, &out, &err);
		CHECK(cases[i].out.ndim == -2 ? !ok
			  : cases[i].out.ndim < 0 ? ok && out.ndim < 0 && out.dim[0] == cases[i].out.dim[0]
									  : ok && pt_shape_equal(&out, &cases[i].out),
			  "%s (case %d): %s", cases[i].text, (int) i,
			  ok ? pt_shape_print(&out, a) : err.message);
	}
}

/* What only the whole batch shows. */
static void
test_build_errors(void)
{
	static const struct
	{
		const char *text;
		bool training;
		PtShape shape;
		const char *want;
	} cases[] = {
		{"nn.BatchNorm1d(3)",
		 true,
		 {2, {1, 3}},
		 "module nn.BatchNorm1d needs more than 1 value per channel, but its input is of shape [1, 3]"},
		{"nn.BatchNorm1d(3, track_running_stats=False)",
		 false,
		 {2, {1, 3}},
		 "module nn.BatchNorm1d needs more than 1 value per channel, but its input is of shape [1, 3]"},
		{"nn.BatchNorm1d(3)", false, {2, {1, 3}}, ""},
		{"nn.BatchNorm1d(3)", true, {3, {1, 3, 2}}, ""},
		{"nn.BatchNorm1d(3)",
		 true,
		 {2, {4, 2}},
		 "module nn.BatchNorm1d expects an input of shape [N, 3] or [N, 3, L], not [4, 2]"},
		{"nn.BatchNorm1d(3)",
		 true,
		 {1, {3}},
		 "module nn.BatchNorm1d expects an input of shape [N, 3] or [N, 3, L], not [3]"},
		{"nn.GroupNorm(3, 3)",
		 true,
		 {2, {1, 3}},
		 "module nn.GroupNorm needs more than 1 value per group, but its input is of shape [1, 3]"},
		{"nn.GroupNorm(3, 3)",
		 true,
		 {1, {3}},
		 "module nn.GroupNorm expects an input of shape [N, 3, ...], not [3]"},
		{"nn.GroupNorm(1, 4)",
		 true,
		 {5, {0, 4, 2147483647, 2147483647, 2147483647}},
		 "module nn.GroupNorm: its input of shape [0, 4, 2147483647, 2147483647, 2147483647] is too large"},
		{"nn.LayerNorm((3, 4))",
		 true,
		 {2, {3, 4}},
		 "module nn.LayerNorm expects an input of shape [*, 3, 4], not [4]"},
		{"nn.PReLU(3)",
		 true,
		 {2, {2, 4}},
		 "module nn.PReLU expects 3 channels in dimension 1, not shape [2, 4]"},
		{"nn.PReLU(3)",
		 true,
		 {1, {3}},
		 "module nn.PReLU expects 3 channels in dimension 1, not shape [3]"},
		{"nn.Softmax()",
		 true,
		 {3, {2, 3, 4}},
		 "module nn.Softmax: dimension 0 is the batch, whose rows stay apart"},
		{"nn.Sequential(nn.Softmax(7))",
		 true,
		 {2, {2, 3}},
		 "module 0 (nn.Softmax): its input has 2 dimensions with the batch's, so there is no dimension 7"},
		{"nn.Unflatten(1, (2, -1))",
		 true,
		 {2, {2, 3}},
		 "module nn.Unflatten cannot divide 3 features into [2, -1]"},
		{"nn.LogSoftmax(-2)",
		 true,
		 {2, {2, 3}},
		 "module nn.LogSoftmax: dimension -2 is the batch, whose rows stay apart"},
		{"nn.Softmin(0)",
		 true,
		 {2, {2, 3}},
		 "module nn.Softmin: dimension 0 is the batch, whose rows stay apart"},
		{"nn.Flatten()",
		 true,
		 {1, {3}},
		 "module nn.Flatten: its input has 1 dimensions with the batch's, so there is no dimension 1"},
		{"nn.GLU()",
		 true,
		 {2, {3, 5}},
		 "module nn.GLU halves a dimension, which must be even, not 5"},
		{"nn.GLU()",
		 true,
		 {1, {4}},
		 "module nn.GLU: dimension -1 is the batch, whose rows stay apart"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PtError err = {0};
		PtGraph *g = pt_graph_new(&err);
		PtModule *m = pt_module_parse(arena, cases[i].text, &err);
		PtStateDict sd = {0};
		PtRef state[8], updates[8];
		PtBuild b = {.g = g,
					 .sd = &sd,
					 .state = state,
					 .updates = updates,
					 .training = cases[i].training};
		PtRef x = pt_external(g, "x", PT_FLOAT32, &cases[i].shape);

		pt_module_state(arena, m, &sd, &err);
		for (int k = 0; k < sd.count; k++)
			state[k] =
				pt_external(g, sd.entries[k].name, sd.entries[k].dtype, &sd.entries[k].shape);
		CHECK((pt_module_build(&b, m, &x, 1) != PT_NO_REF) == (cases[i].want[0] == '\0') &&
				  strcmp(g->error.message, cases[i].want) == 0,
			  "%s (case %d): %s", cases[i].text, (int) i, g->error.message);
		pt_graph_free(g);
	}
}

/* Two inputs: shapes are checked together. */
static void
test_bilinear(void)
{
	PtError err = {0};
	PtModule *m = pt_module_parse(arena, "nn.Bilinear(2, 3, 4)", &err);
	PtShape out;

	CHECK(pt_module_inputs(m) == 2, "%d inputs", pt_module_inputs(m));
	CHECK(pt_module_output_shape(m, (PtShape[]){{1, {2}}, {1, {3}}}, 2, &out, &err) &&
		  out.ndim == 1 && out.dim[0] == 4);
	CHECK(pt_module_output_shape(m, (PtShape[]){{2, {5, 2}}, {2, {5, 3}}}, 2, &out, &err) &&
		  out.dim[1] == 4);
	CHECK(!pt_module_output_shape(m, (PtShape[]){{1, {2}}, {1, {2}}}, 2, &out, &err) &&
			  strcmp(err.message, "module nn.Bilinear expects 3 features, not 2") == 0,
		  "%s", err.message);
	CHECK(
		!pt_module_output_shape(m, (PtShape[]){{2, {5, 2}}, {2, {6, 3}}}, 2, &out, &err) &&
			strcmp(
				err.message,
				"module nn.Bilinear: inputs of shapes [5, 2] and [6, 3] differ in more than their features") ==
				0,
		"%s", err.message);
}

int
main(void)
{
	arena = pt_arena_new();
	test_text();
	test_text_errors();
	test_shapes();
	test_build_errors();
	test_bilinear();
	pt_arena_free(arena);
	return check_done();
}
