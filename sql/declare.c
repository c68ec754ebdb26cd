/*
 * declare.c
 *	  Prints SQL declarations generated from the engine's tables: declare nn | optim | lr_scheduler | ops.
 *
 * Runs at build time, linked with the engine.  Argument names, order and defaults are those of the
 * tables' PtParam lists, so that SQL, the expression language and Python text agree.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lang/args.h"
#include "engine/nn/module.h"
#include "engine/graph/op.h"
#include "engine/train/sched.h"

#define TENSOR "@extschema@.tensor"

static void
print_quoted(const char *s)
{
	putchar('\'');
	for (; *s != '\0'; s++)
	{
		if (*s == '\'')
			putchar('\'');
		putchar(*s);
	}
	putchar('\'');
}

static void
print_lower(const char *s)
{
	for (; *s != '\0'; s++)
		putchar(*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s);
}

/* Words that PostgreSQL reserves and PyTorch uses as names of arguments. */
static bool
is_reserved(const char *name)
{
	static const char *const words[] =
		{"all",		 "analyze",	 "and",		  "any",	"array",	 "as",		"asc",
		 "both",	 "case",	 "cast",	  "check",	"collate",	 "column",	"cross",
		 "default",	 "desc",	 "distinct",  "do",		"else",		 "end",		"except",
		 "false",	 "fetch",	 "for",		  "from",	"full",		 "grant",	"group",
		 "having",	 "in",		 "initially", "inner",	"intersect", "into",	"is",
		 "join",	 "leading",	 "left",	  "like",	"limit",	 "natural", "not",
		 "null",	 "offset",	 "on",		  "only",	"or",		 "order",	"outer",
		 "right",	 "select",	 "similar",	  "some",	"symmetric", "table",	"then",
		 "to",		 "trailing", "true",	  "union",	"unique",	 "user",	"using",
		 "variadic", "when",	 "where",	  "window", "with"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return false;
}

static void
print_name(const char *name)
{
	printf(is_reserved(name) ? "\"%s\"" : "%s", name);
}

static const char *
sql_type(const PtParam *p)
{
	switch (p->type)
	{
		case PT_ARG_TENSOR:
			return TENSOR;
		case PT_ARG_TENSORS:
			return TENSOR "[]";
		case PT_ARG_INT:
			return "integer";
		case PT_ARG_INTS:
			return "torch.ints";
		case PT_ARG_NUMBER:
		case PT_ARG_REAL:
			return "double precision";
		case PT_ARG_REALS:
			return "double precision[]";
		case PT_ARG_BOOL:
			return "boolean";
		case PT_ARG_DTYPE:
		case PT_ARG_WORD:
			return "text";
		case PT_ARG_MODULE:
			return "nn.module";
		case PT_ARG_MODULES:
			return "nn.module[]";
		case PT_ARG_NAMED_MODULES:
			return "\"any\"";
		case PT_ARG_SCHEDULERS:
			return "lr_scheduler.scheduler[]";
	}
	return NULL;
}

static bool
is_variadic(const PtParam *p)
{
	return p->type == PT_ARG_MODULES || p->type == PT_ARG_NAMED_MODULES;
}

static void
print_default(const PtParam *p)
{
	char number[PT_REAL_TEXT];

	if (p->required || is_variadic(p))
		return;
	printf(" DEFAULT ");
	if (p->init_none)
		printf("NULL");
	else if (p->type == PT_ARG_BOOL)
		printf(p->init != 0 ? "true" : "false");
	else if (p->text == NULL && p->type == PT_ARG_INTS)
		printf("'%s'", pt_number_print(p->init, number));
	else if (p->text == NULL)
		printf("%s", pt_number_print(p->init, number));
	else if (p->type == PT_ARG_REALS)
		/* a tuple of Python as an array */
		printf("'{%.*s}'", (int) strlen(p->text) - 2, p->text + 1);
	else if (p->text[0] == '\'')
		printf("%s", p->text);
	else
		print_quoted(p->text);
}

/* "CREATE FUNCTION schema.name(arguments)"; types replaces the tensors' (NULL: as they are). */
static void
print_head(const char *schema, const char *name, const PtParam *params, const char *const *types)
{
	printf("CREATE FUNCTION %s.", schema);
	print_lower(name);
	putchar('(');
	for (int i = 0; params[i].name != NULL; i++)
	{
		printf("%s%s", i > 0 ? ", " : "", is_variadic(&params[i]) ? "VARIADIC " : "");
		print_name(params[i].name);
		printf(" %s", types && types[i] ? types[i] : sql_type(&params[i]));
		print_default(&params[i]);
	}
	putchar(')');
}

static void
print_comment(const char *schema, const char *name, const PtParam *params, const char *const *types,
			  const char *doc)
{
	printf("COMMENT ON FUNCTION %s.", schema);
	print_lower(name);
	putchar('(');
	for (int i = 0; params[i].name != NULL; i++)
		printf("%s%s%s", i > 0 ? ", " : "", is_variadic(&params[i]) ? "VARIADIC " : "",
			   types && types[i] ? types[i] : sql_type(&params[i]));
	printf(") IS ");
	print_quoted(doc);
	printf(";\n");
}

static void
print_body(const char *entry, bool strict)
{
	printf("\tLANGUAGE c IMMUTABLE %sPARALLEL SAFE AS 'MODULE_PATHNAME', '%s';\n",
		   strict ? "STRICT " : "", entry);
}

/* ---------- modules and optimizers ---------- */

static void
declare_constructor(const char *schema, const char *name, const PtParam *params, const char *type,
					const char *entry, const char *doc)
{
	print_head(schema, name, params, NULL);
	printf(" RETURNS %s\n", type);
	print_body(entry, false);
	print_comment(schema, name, params, NULL, doc);
}

static void
declare_modules(void)
{
	const PtModuleType *t;

	for (int i = 0; (t = pt_module_type_at(i)) != NULL; i++)
	{
		PtParam without[PT_MAX_ARGS + 1] = {{NULL}};
		int n = 0;

		declare_constructor("nn", t->name, t->params, "nn.module", "pgtorch_module_new", t->doc);
		/* a VARIADIC argument cannot be left out */
		for (; t->params[n].name != NULL && !is_variadic(&t->params[n]); n++)
			without[n] = t->params[n];
		if (t->params[n].name != NULL)
			declare_constructor("nn", t->name, without, "nn.module", "pgtorch_module_new", t->doc);
	}
}

static void
declare_optimizers(void)
{
	const PtOptimType *t;

	for (int i = 0; (t = pt_optim_type_at(i)) != NULL; i++)
		declare_constructor("optim", t->name, t->params, "optim.optimizer", "pgtorch_optim_new",
							t->doc);
}

static void
declare_schedulers(void)
{
	const PtSchedulerType *t;

	for (int i = 0; (t = pt_sched_type_at(i)) != NULL; i++)
		declare_constructor("lr_scheduler", pt_sched_type_name(t), pt_sched_type_params(t),
							"lr_scheduler.scheduler", "pgtorch_sched_new", pt_sched_type_doc(t));
}

/* ---------- ops ---------- */

/* Numbers that may stand for a tensor, each exactly, so that an integer does not become a float on the way. */
static const char *const numbers[] = {"smallint", "integer", "bigint", "double precision",
									  "boolean"};
#define NUMBERS 5

/* SQL operators of scalar ops: with numbers on either side. */
static const struct
{
	const char *op;
	const char *name;
} operators[] = {{"+", "add"}, {"-", "sub"},	   {"*", "mul"},
				 {"/", "div"}, {"%", "remainder"}, {"^", "pow"}};

static const char *
operator_of(const PtOp *op)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strcmp(operators[i].name, op->name) == 0)
			return operators[i].op;
	return NULL;
}

/* Without arguments that may be None, NULL in is NULL out. */
static bool
is_strict(const PtOp *op)
{
	for (const PtParam *p = op->params; p->name != NULL; p++)
		if (p->nullable || p->init_none)
			return false;
	return true;
}

static void
declare_op(const PtOp *op, const char *const *types)
{
	print_head("torch", op->name, op->params, types);
	if (pt_op_nout(op) == 1 || op->results == NULL)
		printf(" RETURNS " TENSOR "\n");
	else
	{
		printf(" RETURNS TABLE(");
		for (int i = 0; i < pt_op_nout(op); i++)
		{
			printf(i > 0 ? ", " : "");
			print_name(op->results[i]);
			printf(" " TENSOR);
		}
		printf(") ROWS 1\n");
	}
	print_body("pgtorch_op", is_strict(op));
	print_comment("torch", op->name, op->params, types, op->doc);
}

static void
declare_operator(const PtOp *op, const char *symbol, const char *left, const char *right)
{
	printf("CREATE OPERATOR @extschema@.%s (", symbol);
	if (left != NULL)
		printf("LEFTARG = %s, ", left);
	printf("RIGHTARG = %s, FUNCTION = torch.%s);\n", right, op->name);
	printf("COMMENT ON OPERATOR @extschema@.%s (%s, %s) IS ", symbol, left ? left : "NONE", right);
	print_quoted(op->doc);
	printf(";\n");
}

/* Does PyTorch take numbers as second operand? */
static bool
takes_numbers(const PtOp *op)
{
	static const char *const names[] = {"add",		 "sub", "mul", "div", "floor_divide",
										"remainder", "pow", "eq",  "ne",  "lt",
										"le",		 "gt",	"ge"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], op->name) == 0)
			return true;
	return false;
}

/* Numbers that are attributes keep integers integers, too; false if there are none. */
static bool
integer_types(const PtOp *op, const char **types)
{
	bool any = false;

	for (int i = 0; op->params[i].name != NULL; i++)
	{
		types[i] = op->params[i].type == PT_ARG_NUMBER ? "integer" : NULL;
		any |= types[i] != NULL;
	}
	return any;
}

static void
declare_ops(void)
{
	const PtOp *op;

	for (int i = 0; (op = pt_op_at(i)) != NULL; i++)
	{
		const char *symbol = operator_of(op);
		bool where = op->scalar == PT_S_where;
		const char *integers[PT_MAX_ARGS];

		if ((op->flags & PT_OP_PUBLIC) == 0)
			continue;
		declare_op(op, NULL);
		if (integer_types(op, integers))
			declare_op(op, integers);
		if (symbol != NULL)
			declare_operator(op, symbol, TENSOR, TENSOR);
		if (op->scalar == PT_S_neg)
			declare_operator(op, "-", NULL, TENSOR);
		for (int n = 0; n < NUMBERS && (where || takes_numbers(op)); n++)
		{
			const char *types[3] = {NULL, NULL, NULL};

			types[where ? 2 : 1] = numbers[n];
			declare_op(op, types);
			if (symbol != NULL)
				declare_operator(op, symbol, TENSOR, numbers[n]);
			if (symbol == NULL && !where)
				continue;
			types[where ? 1 : 0] = numbers[n];
			types[where ? 2 : 1] = NULL;
			declare_op(op, types);
			if (symbol != NULL)
				declare_operator(op, symbol, numbers[n], TENSOR);
		}
	}
}

int
main(int argc, char **argv)
{
	const char *part = argc == 2 ? argv[1] : "";

	if (strcmp(part, "nn") == 0)
		declare_modules();
	else if (strcmp(part, "optim") == 0)
		declare_optimizers();
	else if (strcmp(part, "lr_scheduler") == 0)
		declare_schedulers();
	else if (strcmp(part, "ops") == 0)
		declare_ops();
	else
	{
		fprintf(stderr, "usage: declare nn | optim | lr_scheduler | ops\n");
		return 2;
	}
	return ferror(stdout) ? 1 : 0;
}
