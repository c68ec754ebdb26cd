/*
 * test_promotion.c
 *	  The dtype of a result: as torch.result_type says (test/golden/promote.txt).
 */
#include "engine/golden.h"
#include "engine/graph_harness.h"

/* torch.result_type of every two of: tensors, 0-d tensors, Python numbers. */
static PtRef
make_kind(PtGraph *g, const char *kind)
{
	PtDtype dtype;
	PtError err;

	if (strcmp(kind, "int") == 0)
		return pt_integer(g, 1);
	if (strcmp(kind, "float") == 0)
		return pt_real(g, 1);
	if (strcmp(kind, "bool") == 0)
		return pt_boolean(g, true);
	CHECK_OK(pt_dtype_parse(kind + 1, &dtype, &err), &err);
	return pt_external(g, "x", dtype, kind[0] == '0' ? SCALAR : SHAPE(2));
}

static void
test_promotion(void)
{
	Golden f;
	PtError err;
	PtGraph *g = pt_graph_new(&err);

	if (golden_open(&f, "test/golden/promote.txt"))
	{
		while (golden_case(&f))
			for (int i = 0; i < f.nlines; i++)
			{
				PtRef in[2] = {make_kind(g, f.name), make_kind(g, f.lines[i].key)};
				PtDtype got = pt_result_type(g, in, 2);

				CHECK(strcmp(pt_dtype_name(got), f.lines[i].value) == 0,
					  "%s with %s is %s, wanted %s", f.name, f.lines[i].key, pt_dtype_name(got),
					  f.lines[i].value);
			}
		golden_close(&f);
	}
	pt_graph_free(g);
}

int
main(void)
{
	test_promotion();
	return check_done();
}
