/*
 * graph.h
 *	  The computation graph: values, nodes, and how gradients are added to it.
 *
 * A node is an op applied to earlier values, so the node array is always in run order.  Values are
 * external (inputs, parameters, state: memory that the user binds), numbers, or results of a node;
 * dtypes and shapes are fixed when they are added.  Everything is contiguous in C order and
 * functional: nothing is changed in place, except that pt_graph_assign says that an
 * external's memory shall hold another value when the run ends.
 *
 * Errors are sticky: the first one is kept in graph->error, every later call returns PT_NO_REF, so
 * builders compose without checking each call.  Check pt_graph_ok at the end.
 *
 * Memory: everything lives in graph->arena and dies with the graph.
 * Threads: one thread builds and compiles a graph.
 */
#ifndef PT_GRAPH_H
#define PT_GRAPH_H

#include "engine/graph/op.h"

#define PT_MAX_INPUTS 64 /* of a model, and arguments of a call of its modules */

typedef enum PtRole
{
	PT_ROLE_NONE, /* value 0: absent */
	PT_ROLE_EXTERNAL,
	PT_ROLE_NUMBER,
	PT_ROLE_RESULT
} PtRole;

typedef struct PtGraphValue
{
	PtRole role;
	PtDtype dtype;
	PtShape shape;
	const char *name; /* of an external */
	bool wrapped;	  /* a Python number: weak in dtype promotion */
	double real;	  /* of a number of float dtype */
	int64_t integer;  /* of a number of int or bool dtype */
	uint32_t node;	  /* of a result: its node, and which of the node's results it is */
	int output;
	PtRef assigned; /* of an external: the value it holds after a run, or PT_NO_REF */
} PtGraphValue;

typedef struct PtNode
{
	const PtOp *op;
	int nin;
	/* tensors in the order of the op's tensor params; PT_NO_REF: not given */
	PtRef in[PT_MAX_OPERANDS];
	PtRef *list; /* of an op with a PT_ARG_TENSORS param: its tensors */
	int nlist;
	PtRef out[PT_MAX_RESULTS];
	const PtArgs *attrs; /* all params; the tensor ones unset */
	const char *path;	 /* module path for errors, e.g. "0 (nn.Linear)"; NULL outside modules */
} PtNode;

/*
 * read.c: numbers that shapes depend on.  ref is an int64 value of one element; kept are values that need not be
 * computed again once it is known, and memory is where they are then (NULL: they were in memory anyway).
 */
#define PT_MAX_READS 64
#define PT_MAX_KEPT 4
typedef struct PtRead
{
	PtRef ref;
	int64_t number;
	int nkept;
	PtRef kept[PT_MAX_KEPT];
	void *memory[PT_MAX_KEPT]; /* of the device */
} PtRead;

typedef struct PtReads
{
	PtRead reads[PT_MAX_READS];
	int known;	  /* so many were read in earlier runs */
	int met;	  /* by the graph that is built now */
	bool stopped; /* at the next one */
} PtReads;

typedef struct PtGraph
{
	PtArena *arena;
	PtError error; /* the first one; code PT_OK if none */
	PtGraphValue *values;
	uint32_t nvalues, values_size;
	PtNode *nodes;
	uint32_t nnodes, nodes_size;
	uint64_t differentiated; /* nodes that grad() went over so far, which is limited */
	const char *path;		 /* given to nodes that are added */
	bool decomposed;		 /* fused ops are added as their primitives */
	PtAutocast autocast;	 /* of the ops that are applied now */
	PtReads *reads;			 /* NULL: shapes may not depend on data */
} PtGraph;

extern PtGraph *pt_graph_new(PtError *err);				 /* owns its arena */
extern void pt_graph_free(PtGraph *g);					 /* NULL is fine */
extern bool pt_graph_ok(const PtGraph *g, PtError *err); /* copies the error, if any */
/*
 * Records the first error.  Returns false, which as a PtRef is PT_NO_REF: a function of either kind ends with
 * "return pt_graph_fail(...)".
 */
extern bool pt_graph_fail(PtGraph *g, PtCode code, const char *fmt, ...) PT_PRINTF(3, 4);

static inline const PtGraphValue *
pt_value(const PtGraph *g, PtRef ref)
{
	return &g->values[ref];
}

static inline PtShape
pt_shape_of(const PtGraph *g, PtRef ref)
{
	return g->values[ref].shape; /* a copy, as adding to the graph moves values */
}

static inline PtDtype
pt_dtype_of(const PtGraph *g, PtRef ref)
{
	return g->values[ref].dtype;
}

extern PtRef pt_external(PtGraph *g, const char *name, PtDtype dtype, const PtShape *shape);
extern PtRef pt_real(PtGraph *g, double number);	  /* a Python float */
extern PtRef pt_integer(PtGraph *g, int64_t number);  /* a Python int */
extern PtRef pt_boolean(PtGraph *g, bool number);	  /* a Python bool */
extern PtRef pt_number(PtGraph *g, const PtValue *v); /* whichever of these v is */
/* A copy of a list that lives as long as the graph; NULL if the graph failed. */
extern const int64_t *pt_keep_ints(PtGraph *g, const int64_t *ints, int n);

/* Applies an op.  attrs: bound by pt_args_bind against op->params, or NULL for all defaults. */
extern PtRef pt_apply(PtGraph *g, const PtOp *op, const PtRef *in, int nin, const PtArgs *attrs);
/* The same with several results (out has PT_MAX_RESULTS places, or pt_op_nout(op)) or a tensor list. */
extern bool pt_apply_all(PtGraph *g, const PtOp *op, const PtRef *in, int nin, const PtRef *list,
						 int nlist, const PtArgs *attrs, PtRef *out);
/* Another result of the node that gave ref. */
extern PtRef pt_result(const PtGraph *g, PtRef ref, int output);
/* By name, for builders, with attributes given by name. */
extern PtRef pt_apply_name(PtGraph *g, const char *op, const PtRef *in, int nin,
						   const PtGiven *given, int ngiven);

/* Scalar ops: of any row, and for each row of scalar.def its own, as pt_exp(g, a), pt_add(g, a, b), pt_where(g, a, b, c). */
extern PtRef pt_scalar1(PtGraph *g, PtScalar op, PtRef a);
extern PtRef pt_scalar2(PtGraph *g, PtScalar op, PtRef a, PtRef b);
extern PtRef pt_scalar3(PtGraph *g, PtScalar op, PtRef a, PtRef b, PtRef c);

#define PT_UNARY(name, ...)                            \
	static inline PtRef pt_##name(PtGraph *g, PtRef a) \
	{                                                  \
		return pt_scalar1(g, PT_S_##name, a);          \
	}
#define PT_BINARY(name, ...)                                    \
	static inline PtRef pt_##name(PtGraph *g, PtRef a, PtRef b) \
	{                                                           \
		return pt_scalar2(g, PT_S_##name, a, b);                \
	}
#define PT_TERNARY(name, ...)                                            \
	static inline PtRef pt_##name(PtGraph *g, PtRef a, PtRef b, PtRef c) \
	{                                                                    \
		return pt_scalar3(g, PT_S_##name, a, b, c);                      \
	}
#include "engine/ops/scalar.def"

/* More short forms that builders use all the time. */
extern PtRef pt_reshape(PtGraph *g, PtRef x, const PtShape *shape);
extern PtRef pt_expand(PtGraph *g, PtRef x, const PtShape *shape);
extern PtRef pt_cast(PtGraph *g, PtRef x, PtDtype dtype);
extern PtRef pt_sum(PtGraph *g, PtRef x, const int64_t *dims, int ndims,
					bool keepdim);			   /* ndims 0: all */
extern PtRef pt_mean(PtGraph *g, PtRef x);	   /* of all elements */
extern PtRef pt_arange(PtGraph *g, int64_t n); /* 0, 1, ..., n - 1 as int64 */
/* 2-D or batched 3-D product op(a) op(b), ta/tb: the last two dimensions transposed */
extern PtRef pt_mm(PtGraph *g, PtRef a, PtRef b, bool ta, bool tb);
extern PtRef pt_linear(PtGraph *g, PtRef x, PtRef weight, PtRef bias); /* bias may be PT_NO_REF */
/* Sums the dimensions that broadcasting added, so that x gets the given shape. */
extern PtRef pt_sum_to(PtGraph *g, PtRef x, const PtShape *shape);
/* n elements from an element offset on of a 1-D value, under a shape: a view. */
extern PtRef pt_slice(PtGraph *g, PtRef flat, int64_t offset, const PtShape *shape);
/* The inverse: one 1-D value of total elements with each part at its offset, zero elsewhere. */
extern PtRef pt_pack(PtGraph *g, const PtRef *parts, const int64_t *offsets, int n, int64_t total);

/* The builder lets the graph read numbers; the same is built again until it does not stop. */
extern void pt_graph_let_read(PtGraph *g, PtReads *reads);
/* *number is what ref will hold; false if the graph stops here, or may not read. */
extern bool pt_graph_read(PtGraph *g, const char *op, PtRef ref, const PtRef *keep, int nkeep,
						  int64_t *number);

/* When a run ends, external holds value (same dtype and shape). */
extern bool pt_graph_assign(PtGraph *g, PtRef external, PtRef value);

/*
 * autograd.c: gradients of sum(y) with respect to each of wrt, as new nodes of the same graph.
 * A wrt that y does not depend on gets PT_NO_REF.
 */
extern bool pt_gradient(PtGraph *g, PtRef y, const PtRef *wrt, int n, PtRef *grad);

/* The precision that autocast lowers to. */
extern PtDtype pt_autocast_dtype(PtAutocast autocast);
/* x as float32 or that precision, if it is a tensor that autocast converts; else x. */
extern PtRef pt_autocast(PtGraph *g, PtRef x, PtDtype dtype);
/* The dtype of a result that is rounded to what came in; PT_NDTYPE if autocast converts none of these values. */
extern PtDtype pt_autocast_back(const PtGraph *g, const PtRef *in, int n);

/* torch.result_type: dtype of an op over these values (PT_NO_REF skipped). */
extern PtDtype pt_result_type(const PtGraph *g, const PtRef *in, int n);

/* For tests and debugging: one line a node into a malloc'ed string. */
extern char *pt_graph_print(const PtGraph *g);

#endif
