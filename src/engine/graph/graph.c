/*
 * graph.c
 *	  Building a graph: values, numbers, externals, and applying an op.
 */
#include "engine/graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PtGraph *
pt_graph_new(PtError *err)
{
	PtArena *arena = pt_arena_new();
	PtGraph *g = arena ? pt_arena_alloc(arena, sizeof(PtGraph)) : NULL;

	if (g == NULL)
	{
		pt_arena_free(arena);
		pt_fail_memory(err, sizeof(PtGraph));
		return NULL;
	}
	g->arena = arena;
	g->values_size = 64;
	g->nodes_size = 32;
	g->values = malloc(g->values_size * sizeof(PtGraphValue));
	g->nodes = malloc(g->nodes_size * sizeof(PtNode));
	if (g->values == NULL || g->nodes == NULL)
	{
		pt_graph_free(g);
		pt_fail_memory(err, g->values_size * sizeof(PtGraphValue));
		return NULL;
	}
	memset(&g->values[0], 0, sizeof(PtGraphValue));
	g->nvalues = 1; /* value 0 is PT_NO_REF */
	return g;
}

void
pt_graph_free(PtGraph *g)
{
	if (g == NULL)
		return;
	free(g->values);
	free(g->nodes);
	pt_arena_free(g->arena);
}

bool
pt_graph_ok(const PtGraph *g, PtError *err)
{
	if (g->error.code == PT_OK)
		return true;
	*err = g->error;
	return false;
}

bool
pt_graph_fail(PtGraph *g, PtCode code, const char *fmt, ...)
{
	va_list ap;

	if (g->error.code != PT_OK)
		return false;
	memset(&g->error, 0, sizeof(g->error));
	g->error.code = code;
	va_start(ap, fmt);
	vsnprintf(g->error.message, sizeof(g->error.message), fmt, ap);
	va_end(ap);
	return false;
}

/* A new value; its number, or PT_NO_REF when out of memory. */
static PtRef
add_value(PtGraph *g, PtRole role, PtDtype dtype, const PtShape *shape)
{
	PtGraphValue *v;

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (g->nvalues == g->values_size)
	{
		uint32_t size = g->values_size * 2;
		PtGraphValue *grown = realloc(g->values, size * sizeof(PtGraphValue));

		if (grown == NULL)
			return pt_graph_fail(g, PT_ENOMEM, "out of memory");
		g->values = grown;
		g->values_size = size;
	}
	v = &g->values[g->nvalues];
	memset(v, 0, sizeof(*v));
	v->role = role;
	v->dtype = dtype;
	if (shape != NULL)
		v->shape = *shape;
	return g->nvalues++;
}

PtRef
pt_external(PtGraph *g, const char *name, PtDtype dtype, const PtShape *shape)
{
	PtRef ref = add_value(g, PT_ROLE_EXTERNAL, dtype, shape);

	if (ref != PT_NO_REF && (g->values[ref].name = pt_arena_strdup(g->arena, name)) == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	return ref;
}

PtRef
pt_real(PtGraph *g, double number)
{
	PtRef ref = add_value(g, PT_ROLE_NUMBER, PT_FLOAT32, NULL);

	g->values[ref].wrapped = ref != PT_NO_REF;
	g->values[ref].real = number;
	return ref;
}

PtRef
pt_integer(PtGraph *g, int64_t number)
{
	PtRef ref = add_value(g, PT_ROLE_NUMBER, PT_INT64, NULL);

	g->values[ref].wrapped = ref != PT_NO_REF;
	g->values[ref].integer = number;
	return ref;
}

PtRef
pt_boolean(PtGraph *g, bool number)
{
	PtRef ref = add_value(g, PT_ROLE_NUMBER, PT_BOOL, NULL);

	g->values[ref].wrapped = ref != PT_NO_REF;
	g->values[ref].integer = number;
	return ref;
}

PtRef
pt_number(PtGraph *g, const PtValue *v)
{
	if (v->kind == PT_VALUE_REAL)
		return pt_real(g, v->real);
	return v->kind == PT_VALUE_BOOL ? pt_boolean(g, v->boolean) : pt_integer(g, v->integer);
}

const int64_t *
pt_keep_ints(PtGraph *g, const int64_t *ints, int n)
{
	int64_t *copy = pt_arena_alloc(g->arena, ((size_t) n + 1) * sizeof(int64_t));

	if (copy == NULL)
		pt_graph_fail(g, PT_ENOMEM, "out of memory");
	else if (n > 0)
		memcpy(copy, ints, (size_t) n * sizeof(int64_t));
	return copy;
}

/* One dtype for an op over several values: see torch.result_type. */
PtDtype
pt_result_type(const PtGraph *g, const PtRef *in, int n)
{
	/* the higher category wins unless it is of a lower kind: tensors, scalar tensors, Python numbers */
	int found[3] = {-1, -1, -1};
	int result;

	for (int i = 0; i < n; i++)
	{
		const PtGraphValue *v = pt_value(g, in[i]);
		int category = v->wrapped ? 2 : v->shape.ndim == 0 ? 1 : 0;

		if (in[i] == PT_NO_REF)
			continue;
		found[category] = found[category] < 0 ? (int) v->dtype
											  : (int) pt_dtype_promote(found[category], v->dtype);
	}
	result = found[0];
	for (int c = 1; c < 3; c++)
	{
		if (found[c] < 0)
			continue;
		if (result < 0)
			result = found[c];
		else if (pt_dtype_is_float(result))
			continue;
		else if (result == PT_BOOL || pt_dtype_is_float(found[c]))
			result = pt_dtype_promote(result, found[c]);
	}
	return result < 0 ? PT_FLOAT32 : (PtDtype) result;
}

/* Counts an op's tensor params before its first PT_ARG_TENSORS. */
static int
tensor_params(const PtOp *op, int *required, bool *list)
{
	int n = 0;

	*required = 0;
	*list = false;
	for (const PtParam *p = op->params; p->name != NULL; p++)
	{
		if (p->type == PT_ARG_TENSORS)
			*list = true;
		if (p->type != PT_ARG_TENSOR)
			continue;
		n++;
		if (p->required)
			*required = n;
	}
	return n;
}

static bool
has_attributes(const PtOp *op)
{
	for (const PtParam *p = op->params; p->name != NULL; p++)
		if (p->type != PT_ARG_TENSOR && p->type != PT_ARG_TENSORS)
			return true;
	return false;
}

/* Attributes by name, with the tensors given as placeholders. */
static const PtArgs *
bind_attributes(PtGraph *g, const PtOp *op, const PtGiven *given, int ngiven)
{
	PtGiven all[PT_MAX_ARGS];
	int n = 0;
	PtArgs *args;
	PtError err;

	for (const PtParam *p = op->params; p->name != NULL; p++)
		if (p->type == PT_ARG_TENSOR || p->type == PT_ARG_TENSORS)
			all[n++] = (PtGiven){p->name,
								 {p->type == PT_ARG_TENSOR ? PT_VALUE_TENSOR : PT_VALUE_TENSORS,
								  0,
								  {.tensor = 0}}};
	for (int i = 0; i < ngiven; i++)
		all[n++] = given[i];
	args = pt_args_bind(g->arena, op->name, op->params, all, n, &err);
	if (args == NULL && g->error.code == PT_OK)
		g->error = err;
	return args;
}

/* A number as a 0-d tensor, for ops that are no part of programs and read memory. */
static PtRef
in_memory(PtGraph *g, PtRef x)
{
	return pt_value(g, x)->role == PT_ROLE_NUMBER ? pt_cast(g, x, pt_value(g, x)->dtype) : x;
}

/* Do the tensors fit the op's params?  Takes them into the node, without those at the end that are not given. */
static bool
take_operands(PtGraph *g, PtNode *node, const PtRef *in, int nin, const PtRef *list, int nlist)
{
	const PtOp *op = node->op;
	int required;
	bool takes_list;
	int most = tensor_params(op, &required, &takes_list);

	if (nin > most || nin < required || (nlist > 0 && !takes_list))
		return pt_graph_fail(g, PT_EINVAL, "%s takes %d tensors, not %d", op->name, most,
							 nin + nlist);
	for (int i = 0; i < required; i++)
		if (in[i] == PT_NO_REF)
			return pt_graph_fail(g, PT_EINVAL, "argument %d of %s is missing", i + 1, op->name);
	while (nin > 0 && in[nin - 1] == PT_NO_REF)
		nin--;
	node->nin = nin;
	for (int i = 0; i < nin; i++)
		node->in[i] = in[i];
	if (nlist == 0)
		return true;
	node->nlist = nlist;
	node->list = pt_arena_alloc(g->arena, (size_t) nlist * sizeof(PtRef));
	if (node->list == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	memcpy(node->list, list, (size_t) nlist * sizeof(PtRef));
	return true;
}

/* Is a scalar op's result a Python number, as all its operands are? */
static bool
is_wrapped(const PtGraph *g, const PtOp *op, const PtRef *in, int nin)
{
	bool wrapped = op->scalar != PT_S_NONE && nin > 0;

	for (int i = 0; i < nin; i++)
		wrapped = wrapped && (in[i] == PT_NO_REF || pt_value(g, in[i])->wrapped);
	return wrapped;
}

/* The node, whose results are of these types. */
static bool
add_node(PtGraph *g, PtNode *node, const PtTensorType *types, bool wrapped)
{
	if (g->nnodes == g->nodes_size)
	{
		uint32_t size = g->nodes_size * 2;
		PtNode *grown = realloc(g->nodes, size * sizeof(PtNode));

		if (grown == NULL)
			return pt_graph_fail(g, PT_ENOMEM, "out of memory");
		g->nodes = grown;
		g->nodes_size = size;
	}
	for (int i = 0; i < pt_op_nout(node->op); i++)
	{
		if (!pt_shape_check(&types[i].shape, types[i].dtype, NULL, &g->error))
			return false;
		node->out[i] = add_value(g, PT_ROLE_RESULT, types[i].dtype, &types[i].shape);
		if (node->out[i] == PT_NO_REF)
			return false;
		g->values[node->out[i]].node = g->nnodes;
		g->values[node->out[i]].output = i;
		g->values[node->out[i]].wrapped = wrapped;
	}
	g->nodes[g->nnodes++] = *node;
	return true;
}

/* pt_apply_all, with operands as they are. */
static bool
apply(PtGraph *g, const PtOp *op, const PtRef *in, int nin, const PtRef *list, int nlist,
	  const PtArgs *attrs, PtRef *out)
{
	PtNode node = {.op = op, .attrs = attrs, .path = g->path};
	PtTensorType types[PT_MAX_RESULTS];

	for (int i = 0; i < pt_op_nout(op); i++)
		out[i] = PT_NO_REF;
	if (g->error.code != PT_OK || !take_operands(g, &node, in, nin, list, nlist))
		return false;
	if (attrs == NULL && has_attributes(op) &&
		(node.attrs = bind_attributes(g, op, NULL, 0)) == NULL)
		return false;
	if (op->decompose != NULL && (g->decomposed || op->infer == NULL))
		return op->decompose(g, node.in, node.nin, node.attrs, out) && g->error.code == PT_OK;
	for (int i = 0; i < node.nin && !pt_is_elementwise(op); i++)
		node.in[i] = in_memory(g, node.in[i]);
	for (int i = 0; i < nlist; i++)
		node.list[i] = in_memory(g, node.list[i]);
	if (g->error.code != PT_OK || !op->infer(g, &node, types) || g->error.code != PT_OK ||
		!add_node(g, &node, types, is_wrapped(g, op, in, nin)))
		return false;
	memcpy(out, node.out, (size_t) pt_op_nout(op) * sizeof(PtRef));
	return true;
}

/* ---------- autocast ---------- */

PtDtype
pt_autocast_dtype(PtAutocast autocast)
{
	return autocast == PT_AUTOCAST_BFLOAT16 ? PT_BFLOAT16 : PT_FLOAT32;
}

/* Python numbers, integers and what someone made float64 stay as they are. */
static bool
is_castable(const PtGraphValue *v)
{
	return v->role != PT_ROLE_NONE && !v->wrapped &&
		   (v->dtype == PT_FLOAT32 || v->dtype == PT_FLOAT16 || v->dtype == PT_BFLOAT16);
}

PtRef
pt_autocast(PtGraph *g, PtRef x, PtDtype dtype)
{
	return is_castable(pt_value(g, x)) ? pt_cast(g, x, dtype) : x;
}

PtDtype
pt_autocast_back(const PtGraph *g, const PtRef *in, int n)
{
	PtDtype back = PT_NDTYPE;

	for (int i = 0; i < n; i++)
		if (is_castable(pt_value(g, in[i])))
			back = back == PT_NDTYPE ? pt_value(g, in[i])->dtype
									 : pt_dtype_promote(back, pt_value(g, in[i])->dtype);
	return back;
}

/* Has the caller said which dtype the result shall have?  Then autocast does not. */
static bool
names_dtype(const PtOp *op, const PtArgs *attrs)
{
	for (const PtParam *p = op->params; attrs != NULL && p->name != NULL; p++)
		if (p->type == PT_ARG_DTYPE)
			return pt_args_get(attrs, p->name)->kind == PT_VALUE_DTYPE;
	return false;
}

bool
pt_apply_all(PtGraph *g, const PtOp *op, const PtRef *in, int nin, const PtRef *list, int nlist,
			 const PtArgs *attrs, PtRef *out)
{
	PtAutocast autocast = g->autocast;
	PtCasting casting;
	PtDtype dtype, back = PT_NDTYPE;
	PtRef cast[PT_MAX_OPERANDS] = {PT_NO_REF};
	bool ok;

	if (autocast == PT_AUTOCAST_OFF || nin > PT_MAX_OPERANDS)
		return apply(g, op, in, nin, list, nlist, attrs, out);
	casting = names_dtype(op, attrs) ? PT_CAST_NONE : op->casting;
	dtype = casting == PT_CAST_LOW ? pt_autocast_dtype(autocast) : PT_FLOAT32;
	/* what the op is made of is not PyTorch's to cast: there, it is one kernel */
	g->autocast = PT_AUTOCAST_OFF;
	if (casting == PT_CAST_INNER)
		back = pt_autocast_back(g, in, nin);
	for (int i = 0; i < nin; i++)
		cast[i] = casting == PT_CAST_DEFAULT || casting == PT_CAST_NONE
					  ? in[i]
					  : pt_autocast(g, in[i], dtype);
	ok = apply(g, op, cast, nin, list, nlist, attrs, out);
	for (int i = 0; ok && back != PT_NDTYPE && i < pt_op_nout(op); i++)
		out[i] = pt_autocast(g, out[i], back);
	g->autocast = autocast;
	return ok && g->error.code == PT_OK;
}

PtRef
pt_apply(PtGraph *g, const PtOp *op, const PtRef *in, int nin, const PtArgs *attrs)
{
	PtRef out[PT_MAX_RESULTS];

	return pt_apply_all(g, op, in, nin, NULL, 0, attrs, out) ? out[0] : PT_NO_REF;
}

PtRef
pt_result(const PtGraph *g, PtRef ref, int output)
{
	const PtGraphValue *v = pt_value(g, ref);

	return v->role == PT_ROLE_RESULT ? g->nodes[v->node].out[output] : PT_NO_REF;
}

PtRef
pt_apply_name(PtGraph *g, const char *name, const PtRef *in, int nin, const PtGiven *given,
			  int ngiven)
{
	const PtOp *op = pt_op_find(name);
	const PtArgs *attrs = NULL;

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (op == NULL)
		return pt_graph_fail(g, PT_ENAME, "op \"%s\" does not exist", name);
	if (ngiven > 0 && (attrs = bind_attributes(g, op, given, ngiven)) == NULL)
		return PT_NO_REF;
	return pt_apply(g, op, in, nin, attrs);
}

/* ---------- short forms ---------- */

PtRef
pt_scalar1(PtGraph *g, PtScalar op, PtRef a)
{
	return pt_apply(g, pt_op_scalar(op), &a, 1, NULL);
}

PtRef
pt_scalar2(PtGraph *g, PtScalar op, PtRef a, PtRef b)
{
	return pt_apply(g, pt_op_scalar(op), (PtRef[]){a, b}, 2, NULL);
}

PtRef
pt_scalar3(PtGraph *g, PtScalar op, PtRef a, PtRef b, PtRef c)
{
	return pt_apply(g, pt_op_scalar(op), (PtRef[]){a, b, c}, 3, NULL);
}

PtRef
pt_reshape(PtGraph *g, PtRef x, const PtShape *shape)
{
	PtGiven given;

	if (pt_shape_equal(&pt_value(g, x)->shape, shape))
		return x;
	given = pt_given_ints("shape", pt_keep_ints(g, shape->dim, shape->ndim), shape->ndim);
	return pt_apply_name(g, "reshape", &x, 1, &given, 1);
}

PtRef
pt_expand(PtGraph *g, PtRef x, const PtShape *shape)
{
	PtGiven given;

	if (pt_shape_equal(&pt_value(g, x)->shape, shape))
		return x;
	given = pt_given_ints("size", pt_keep_ints(g, shape->dim, shape->ndim), shape->ndim);
	return pt_apply_name(g, "expand", &x, 1, &given, 1);
}

PtRef
pt_cast(PtGraph *g, PtRef x, PtDtype dtype)
{
	PtGiven given = pt_given_dtype("dtype", dtype);

	if (pt_value(g, x)->dtype == dtype && !pt_value(g, x)->wrapped)
		return x;
	return pt_apply_name(g, "to", &x, 1, &given, 1);
}

PtRef
pt_sum(PtGraph *g, PtRef x, const int64_t *dims, int ndims, bool keepdim)
{
	PtGiven given[] = {pt_given_bool("keepdim", keepdim),
					   pt_given_ints("dim", pt_keep_ints(g, dims, ndims), ndims)};

	return pt_apply_name(g, "sum", &x, 1, given, ndims > 0 ? 2 : 1);
}

PtRef
pt_mean(PtGraph *g, PtRef x)
{
	return pt_apply_name(g, "mean", &x, 1, NULL, 0);
}

PtRef
pt_arange(PtGraph *g, int64_t n)
{
	PtGiven given[] = {pt_given_int("start", 0), pt_given_int("end", n)};

	return pt_apply_name(g, "arange", NULL, 0, given, 2);
}

PtRef
pt_mm(PtGraph *g, PtRef a, PtRef b, bool ta, bool tb)
{
	PtGiven given[] = {pt_given_bool("ta", ta), pt_given_bool("tb", tb)};

	return pt_apply_name(g, "mm", (PtRef[]){a, b}, 2, given, 2);
}

PtRef
pt_linear(PtGraph *g, PtRef x, PtRef weight, PtRef bias)
{
	return pt_apply_name(g, "linear", (PtRef[]){x, weight, bias}, 3, NULL, 0);
}

PtRef
pt_sum_to(PtGraph *g, PtRef x, const PtShape *shape)
{
	const PtShape from = pt_value(g, x)->shape;
	int extra = from.ndim - shape->ndim;
	int64_t dims[PT_MAX_DIM];
	int n = 0;

	if (x == PT_NO_REF || pt_shape_equal(&from, shape))
		return x;
	for (int i = 0; i < from.ndim; i++)
		if (i < extra || (shape->dim[i - extra] == 1 && from.dim[i] != 1))
			dims[n++] = i;
	if (n > 0)
		x = pt_sum(g, x, dims, n, false);
	return pt_reshape(g, x, shape);
}

PtRef
pt_slice(PtGraph *g, PtRef flat, int64_t offset, const PtShape *shape)
{
	PtGiven given[] = {pt_given_int("offset", offset),
					   pt_given_ints("shape", pt_keep_ints(g, shape->dim, shape->ndim),
									 shape->ndim)};

	return pt_apply_name(g, "slice", &flat, 1, given, 2);
}

PtRef
pt_pack(PtGraph *g, const PtRef *parts, const int64_t *offsets, int n, int64_t total)
{
	const PtOp *op = pt_op_find("pack");
	PtGiven given[] = {pt_given_ints("offsets", pt_keep_ints(g, offsets, n), n),
					   pt_given_int("total", total)};
	const PtArgs *attrs = bind_attributes(g, op, given, 2);
	PtRef out[PT_MAX_RESULTS];

	if (attrs == NULL)
		return PT_NO_REF;
	return pt_apply_all(g, op, NULL, 0, parts, n, attrs, out) ? out[0] : PT_NO_REF;
}

bool
pt_graph_assign(PtGraph *g, PtRef external, PtRef value)
{
	PtGraphValue *e = &g->values[external];
	const PtGraphValue *v = &g->values[value];

	if (g->error.code != PT_OK)
		return false;
	if (e->role != PT_ROLE_EXTERNAL || v->role == PT_ROLE_NONE || e->assigned != PT_NO_REF ||
		e->dtype != v->dtype || !pt_shape_equal(&e->shape, &v->shape))
	{
		char a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];

		return pt_graph_fail(g, PT_EINTERNAL, "cannot assign %s%s to external \"%s\" of %s%s",
							 pt_dtype_name(v->dtype), pt_shape_print(&v->shape, a),
							 e->name ? e->name : "", pt_dtype_name(e->dtype),
							 pt_shape_print(&e->shape, b));
	}
	e->assigned = value;
	return true;
}

/* ---------- printing ---------- */

char *
pt_graph_print(const PtGraph *g)
{
	size_t size = 256 + (size_t) g->nnodes * 256;
	char *text = malloc(size);
	size_t used = 0;

	if (text == NULL)
		return NULL;
	text[0] = '\0';
	for (uint32_t i = 0; i < g->nnodes && used + 512 < size; i++)
	{
		const PtNode *n = &g->nodes[i];
		const PtGraphValue *v = pt_value(g, n->out[0]);
		char shape[PT_SHAPE_TEXT];

		used += snprintf(text + used, size - used, "%%%u = %s(", n->out[0], n->op->name);
		for (int k = 0; k < n->nin + n->nlist && used + 512 < size; k++)
		{
			PtRef r = k < n->nin ? n->in[k] : n->list[k - n->nin];
			const PtGraphValue *x = pt_value(g, r);

			if (k > 0)
				used += snprintf(text + used, size - used, ", ");
			if (x->role == PT_ROLE_NUMBER)
				used += x->dtype == PT_FLOAT32
							? snprintf(text + used, size - used, "%g", x->real)
							: snprintf(text + used, size - used, "%lld", (long long) x->integer);
			else if (x->role == PT_ROLE_EXTERNAL)
				used += snprintf(text + used, size - used, "%s", x->name);
			else
				used += snprintf(text + used, size - used, "%%%u", r);
		}
		used += snprintf(text + used, size - used, ")  %s%s\n", pt_dtype_name(v->dtype),
						 pt_shape_print(&v->shape, shape));
	}
	return text;
}
