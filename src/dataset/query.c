/*
 * query.c
 *	  Queries that callers give as text: they may only read.
 *
 * What their functions do is the business of who may call those.
 */
#include "postgres.h"

#include "dataset/query.h"

#include "nodes/nodeFuncs.h"
#include "tcop/cmdtag.h"
#include "utils/plancache.h"

/* Finds row locks at any depth, below views too. */
static bool
has_row_marks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;

		if (query->rowMarks != NIL)
			return true;
		return query_tree_walker(query, has_row_marks, context, 0);
	}
	return expression_tree_walker(node, has_row_marks, context);
}

static void
check(SPIPlanPtr plan, const char *what)
{
	List *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source;
	Query *query;

	if (sources == NIL)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("the %s query is empty", what)));
	if (list_length(sources) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a %s must be one query, not %d", what, list_length(sources))));
	source = linitial(sources);
	query = list_length(source->query_list) == 1 ? linitial_node(Query, source->query_list) : NULL;
	if (query == NULL || query->commandType != CMD_SELECT || query->utilityStmt != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a %s cannot be %s", what,
						source->commandTag == CMDTAG_SELECT ? "SELECT INTO"
															: GetCommandTagName(source->commandTag)),
				 errhint("It must be one SELECT, VALUES, TABLE or WITH.")));
	if (query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a %s must not modify data in WITH", what)));
	if (has_row_marks((Node *) query, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a %s must not lock rows", what), errhint("Leave out FOR UPDATE or FOR SHARE.")));
}

SPIPlanPtr
pgt_query_prepare(const char *query, const char *what, int cursor_options)
{
	SPIPrepareOptions options = {.cursorOptions = cursor_options};
	SPIPlanPtr plan = SPI_prepare_extended(query, &options);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	check(plan, what);
	return plan;
}
