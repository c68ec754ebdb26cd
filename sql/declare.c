/*
 * declare.c
 *	  Prints SQL declarations generated from the engine's tables: declare nn.module | nn | ... | ops | train.
 *
 * Runs at build time, linked with the engine.  Argument names, order and defaults are those of the
 * tables' PtParam lists, so that SQL, the expression language and Python text agree.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/op.h"
#include "engine/train/options.h"
#include "engine/train/types.h"

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

/* Quoted, as PyTorch's names may be words of SQL. */
static void
print_name(const char *name)
{
	putchar('"');
	print_lower(name);
	putchar('"');
}

/* A list to the end of the arguments; of sizes those that follow the first. */
static bool
is_variadic(const PtParam *p)
{
	return p->type == PT_ARG_OBJECTS || p->type == PT_ARG_NAMED_OBJECTS ||
		   (p->type == PT_ARG_SIZES && !p->required);
}

static const char *
sql_type(const PtParam *p)
{
	static char type[128]; /* until the next call */

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
		case PT_ARG_SIZES:
			return is_variadic(p) ? "integer[]" : "torch.ints";
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
		case PT_ARG_OBJECT:
		case PT_ARG_OBJECTS:
		case PT_ARG_OBJECT_LIST:
			snprintf(type, sizeof(type), "%s.%s%s", p->of->schema, p->of->type,
					 p->type == PT_ARG_OBJECT ? "" : "[]");
			return type;
		case PT_ARG_NAMED_OBJECTS:
			return "\"any\"";
	}
	return NULL;
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

/* "CREATE FUNCTION schema.name(arguments"; types replaces the tensors' (NULL: as they are). */
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
	printf("\tLANGUAGE C IMMUTABLE %sPARALLEL SAFE AS 'MODULE_PATHNAME', '%s';\n",
		   strict ? "STRICT " : "", entry);
}

/* By chance, from the session's generator. */
static void
print_drawing_body(const char *entry)
{
	printf("\tLANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', '%s';\n", entry);
}

/* ---------- types of text, and their constructors ---------- */

/* Prints a text with @ for the SQL type. */
static void
print_type(const PtConstructors *c, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '@' && strncmp(text, "@extschema@", 11) == 0)
		{
			printf("@extschema@");
			text += 10;
		}
		else if (*text == '@')
			printf("%s.%s", c->schema, c->type);
		else
			putchar(*text);
}

static void
declare_type(const PtConstructors *c)
{
	static const struct
	{
		const char *name, *arguments, *returns, *entry, *comment;
	} functions[] = {
		{"in", "cstring", "@", "pgtorch_object_in", "I/O"},
		{"out", "@", "cstring", "pgtorch_canonical_out", "I/O"},
		{"recv", "internal", "@", "pgtorch_object_recv", "I/O"},
		{"send", "@", "bytea", "pgtorch_canonical_send", "I/O"},
		{"eq", "@, @", "boolean", "pgtorch_canonical_eq", "implementation of = operator"},
		{"ne", "@, @", "boolean", "pgtorch_canonical_ne", "implementation of <> operator"},
		{"hash", "@", "integer", "pgtorch_canonical_hash", "hash"},
		{"hash_extended", "@, bigint", "bigint", "pgtorch_canonical_hash_extended", "hash"},
	};

	print_type(c, "CREATE TYPE @;\n");
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		if (strcmp(functions[i].name, "eq") == 0)
			print_type(c, "CREATE TYPE @\n(\n"
						  "\tINPUT = @_in, OUTPUT = @_out, RECEIVE = @_recv, SEND = @_send,\n"
						  "\tINTERNALLENGTH = VARIABLE, STORAGE = extended\n"
						  ");\n");
		print_type(c, "CREATE FUNCTION @_");
		printf("%s(", functions[i].name);
		print_type(c, functions[i].arguments);
		printf(") RETURNS ");
		print_type(c, functions[i].returns);
		putchar('\n');
		print_body(functions[i].entry, true);
		print_type(c, "COMMENT ON FUNCTION @_");
		printf("%s(", functions[i].name);
		print_type(c, functions[i].arguments);
		printf(") IS '%s';\n", functions[i].comment);
	}
	print_type(
		c, "CREATE OPERATOR @extschema@.=\n(\n"
		   "\tLEFTARG = @, RIGHTARG = @, FUNCTION = @_eq, COMMUTATOR = OPERATOR(@extschema@.=),\n"
		   "\tNEGATOR = OPERATOR(@extschema@.<>), RESTRICT = pg_catalog.eqsel,\n"
		   "\tJOIN = pg_catalog.eqjoinsel, HASHES\n"
		   ");\n"
		   "CREATE OPERATOR @extschema@.<>\n(\n"
		   "\tLEFTARG = @, RIGHTARG = @, FUNCTION = @_ne, COMMUTATOR = OPERATOR(@extschema@.<>),\n"
		   "\tNEGATOR = OPERATOR(@extschema@.=), RESTRICT = pg_catalog.neqsel,\n"
		   "\tJOIN = pg_catalog.neqjoinsel\n"
		   ");\n"
		   "CREATE OPERATOR CLASS @_hash_ops DEFAULT FOR TYPE @ USING hash AS\n"
		   "\tOPERATOR 1 @extschema@.= (@, @),\n"
		   "\tFUNCTION 1 @_hash(@),\n"
		   "\tFUNCTION 2 @_hash_extended(@, bigint);\n"
		   "COMMENT ON OPERATOR @extschema@.= (@, @) IS 'the same text';\n"
		   "COMMENT ON OPERATOR @extschema@.<> (@, @) IS 'not the same text';\n"
		   "COMMENT ON OPERATOR CLASS @_hash_ops USING hash IS 'equality of canonical text';\n"
		   "COMMENT ON OPERATOR FAMILY @_hash_ops USING hash IS 'equality of canonical text';\n"
		   "COMMENT ON TYPE @ IS ");
	print_quoted(c->doc);
	printf(";\n");
}

static void
declare_constructor(const PtConstructors *c, const PtConstructor *row, const PtParam *params)
{
	print_head(c->schema, row->name, params, NULL);
	printf(") RETURNS %s.%s\n", c->schema, c->type);
	print_body("pgtorch_object_new", false);
	print_comment(c->schema, row->name, params, NULL, row->doc);
}

static void
declare_constructors(const PtConstructors *c)
{
	const PtConstructor *row;

	for (int i = 0; (row = c->at(i)) != NULL; i++)
	{
		PtParam without[PT_MAX_ARGS + 1] = {{NULL}};
		int n = 0;

		declare_constructor(c, row, row->params);
		/* a VARIADIC argument cannot be left out */
		for (; row->params[n].name != NULL && !is_variadic(&row->params[n]); n++)
			without[n] = row->params[n];
		if (row->params[n].name != NULL)
			declare_constructor(c, row, without);
	}
}

/* "nn.module": the type; "nn": its constructors.  False if there is no such thing. */
static bool
declare_text(const char *part)
{
	for (const PtConstructors *const *c = pt_types; *c != NULL; c++)
	{
		size_t n = strlen((*c)->schema);

		if (strncmp(part, (*c)->schema, n) != 0)
			continue;
		if (part[n] == '\0')
			declare_constructors(*c);
		else if (part[n] == '.' && strcmp(part + n + 1, (*c)->type) == 0)
			declare_type(*c);
		else
			continue;
		return true;
	}
	return false;
}

/* ---------- ops ---------- */

/* Numbers that may stand for a tensor, each exactly, so that an integer does not become a float on the way. */
static const char *const numbers[] = {"smallint", "integer", "bigint", "double precision",
									  "boolean"};
#define NUMBERS 5

/* Without arguments that may be None, NULL in is NULL out. */
static bool
is_strict(const PtOp *op)
{
	for (const PtParam *p = op->params; p->name != NULL; p++)
		if (p->nullable || p->init_none)
			return false;
	return true;
}

/* A function of the op under that name; types: as of print_head. */
static void
declare_params(const PtOp *op, const char *name, const PtParam *params, const char *const *types)
{
	char doc[1000], own[64];
	int nout = pt_op_nout(op);

	snprintf(own, sizeof(own), "%.*s", (int) strcspn(op->name, "."), op->name);
	if (name == NULL)
		name = own;
	print_head("torch", name, params, types);
	for (int i = 0; i < nout && nout > 1; i++)
	{
		printf(", OUT ");
		print_name(op->results[i]);
		printf(" " TENSOR);
	}
	printf(") RETURNS %s\n", op->list != NULL ? TENSOR "[]" : nout > 1 ? "record" : TENSOR);
	if (op->flags & PT_OP_DRAWS)
		print_drawing_body("pgtorch_draw");
	else
		print_body("pgtorch_op", is_strict(op));
	snprintf(doc, sizeof(doc), "Alias of torch.%s: %s", own, op->doc);
	print_comment("torch", name, params, types, name == own ? op->doc : doc);
}

/* Under its public name (NULL) or an alias; without the arguments that ask for results: there are always all. */
static void
declare_name(const PtOp *op, const char *name, const char *const *types)
{
	PtParam params[PT_MAX_ARGS + 1] = {{NULL}};
	int n = 0;

	for (const PtParam *p = op->params; p->name != NULL; p++)
		if (!pt_op_asks(op, p))
			params[n++] = *p;
	declare_params(op, name, params, types);
	/* (2, 3) as PyTorch has it; the first is torch.ints in both forms, so that an untyped '{2,3}' works */
	if (params[0].type == PT_ARG_SIZES)
		declare_params(op, name, (PtParam[]){params[0], {"sizes", PT_ARG_SIZES}, {0}}, NULL);
}

/* types replaces the tensors', or is NULL. */
static void
declare_op(const PtOp *op, const char *const *types)
{
	declare_name(op, NULL, types);
	for (int i = 0; op->aliases != NULL && op->aliases[i] != NULL; i++)
		declare_name(op, op->aliases[i], types);
}

static void
declare_operator(const PtOp *op, const char *left, const char *right)
{
	char symbol = pt_op_operator(op);

	if (symbol == '\0')
		return;
	printf("CREATE OPERATOR @extschema@.%c (", symbol);
	if (left != NULL)
		printf("LEFTARG = %s, ", left);
	printf("RIGHTARG = %s, FUNCTION = torch.%s);\n", right, op->name);
	printf("COMMENT ON OPERATOR @extschema@.%c (%s, %s) IS ", symbol, left ? left : "NONE", right);
	print_quoted(op->doc);
	printf(";\n");
}

/* With numbers in the place of the last operand, and of the one before it. */
static void
declare_numbers(const PtOp *op)
{
	int last = pt_scalar_arity(op->scalar) - 1;

	for (int n = 0; n < NUMBERS; n++)
	{
		const char *types[PT_MAX_ARGS] = {NULL};

		types[last] = numbers[n];
		declare_op(op, types);
		declare_operator(op, TENSOR, numbers[n]);
		if ((op->flags & PT_OP_NUMBERS) == 0)
			continue;
		types[last] = NULL;
		types[last - 1] = numbers[n];
		declare_op(op, types);
		declare_operator(op, numbers[n], TENSOR);
	}
}

/* One function for each kind of number, if the op has any among its attributes. */
static bool
declare_attributes(const PtOp *op)
{
	const char *types[PT_MAX_ARGS];
	bool any = false;

	for (int n = 0; n < NUMBERS - (op->flags & PT_OP_TRUTH ? 0 : 1); n++)
	{
		for (int i = 0; op->params[i].name != NULL; i++)
		{
			types[i] = op->params[i].type == PT_ARG_NUMBER ? numbers[n] : NULL;
			any |= types[i] != NULL;
		}
		if (any)
			declare_op(op, types);
	}
	return any;
}

/* Wide integers as integer and as bigint, in all combinations: what fits exactly is chosen before an untyped dtype. */
static void
declare_wide(const PtOp *op)
{
	unsigned most = 1;

	for (const PtParam *p = op->params; p->name != NULL; p++)
		most *= p->wide ? 2 : 1;
	for (unsigned set = 0; set < most; set++)
	{
		const char *types[PT_MAX_ARGS];
		unsigned rest = set;

		for (int i = 0; op->params[i].name != NULL; i++)
		{
			types[i] = !op->params[i].wide ? NULL : rest & 1 ? "bigint" : "integer";
			rest >>= op->params[i].wide;
		}
		declare_op(op, types);
	}
}

static void
declare_ops(void)
{
	const PtOp *op;

	for (int i = 0; (op = pt_op_at(i)) != NULL; i++)
	{
		if (!pt_op_is_public(op))
			continue;
		if (!declare_attributes(op))
			declare_wide(op);
		declare_operator(op, pt_scalar_arity(op->scalar) > 1 ? TENSOR : NULL, TENSOR);
		if ((op->flags & (PT_OP_NUMBER | PT_OP_NUMBERS)) != 0)
			declare_numbers(op);
	}
}

/* ---------- training ---------- */

static const char *
option_type(PtOptionKind kind)
{
	switch (kind)
	{
		case PT_OPTION_INT:
			return "integer";
		case PT_OPTION_LONG:
			return "bigint";
		case PT_OPTION_REAL:
			return "double precision";
		case PT_OPTION_BOOL:
			return "boolean";
		case PT_OPTION_AUTOCAST:
		case PT_OPTION_TEXT:
			return "text";
		case PT_OPTION_MODULE:
			return "nn.module";
		case PT_OPTION_OPTIMIZER:
			return "optim.optimizer";
		case PT_OPTION_SCHEDULER:
			return "lr_scheduler.scheduler";
		case PT_OPTION_NAMES:
			return "text[]";
	}
	return NULL;
}

static void
declare_train(void)
{
	printf("CREATE FUNCTION @extschema@.pgtorch_train(");
	for (const PtOption *o = pt_options; o->name != NULL; o++)
	{
		print_name(o->name);
		printf(" %s", option_type(o->kind));
		if (o->init != NULL)
			printf(" DEFAULT ");
		if (o->init != NULL && pt_option_is_nullable(o))
			printf("NULL");
		else if (o->init != NULL)
			print_lower(o->init);
		printf(", ");
	}
	printf("OUT run bigint, OUT status text, OUT epochs integer, OUT steps bigint, "
		   "OUT loss double precision, OUT version integer, OUT seconds double precision)\n"
		   "\tRETURNS record LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 "
		   "AS 'MODULE_PATHNAME', 'pgtorch_train';\n"
		   "COMMENT ON FUNCTION @extschema@.pgtorch_train(");
	for (const PtOption *o = pt_options; o->name != NULL; o++)
		printf("%s%s", o > pt_options ? ", " : "", option_type(o->kind));
	printf(") IS ");
	print_quoted(
		"Trains a model on the rows of a query (features, then the target) and makes its next "
		"version.  Gradients are clipped by their norm first, then each by its value.  "
		"autocast => 'bfloat16' computes as in torch.autocast; weights stay float32.");
	printf(";\n");
}

int
main(int argc, char **argv)
{
	const char *part = argc == 2 ? argv[1] : "";

	if (strcmp(part, "ops") == 0)
		declare_ops();
	else if (strcmp(part, "train") == 0)
		declare_train();
	else if (!declare_text(part))
	{
		fprintf(stderr,
				"usage: declare nn.module | nn | optim.optimizer | optim | ... | ops | train\n");
		return 2;
	}
	return ferror(stdout) ? 1 : 0;
}
