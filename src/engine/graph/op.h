/*
 * op.h
 *	  The op table: every operation stands once.
 *
 * A row says an op's name, parameters (PyTorch's, in order), the dtype and shape of its results, its
 * gradient (built from other ops) and, for fused ops, what primitives it stands for.  Kernels
 * are found by the row's name in the table of each device.  SQL functions, the
 * expression language, autograd, modules and tests all read this table.
 *
 * Rows come from two places: scalar.def (scalar ops, all in ops/scalar.c) and one file of ops/ a family.
 */
#ifndef PT_OP_H
#define PT_OP_H

#include "engine/lang/args.h"

struct PtGraph;
struct PtNode;
struct PtRng;

/* Scalar ops have a number too: rows of scalar.def from 1 on, then the conversions. */
typedef enum PtScalar
{
	PT_S_NONE, /* no scalar op */
#define PT_UNARY(name, ...) PT_S_##name,
#define PT_BINARY(name, ...) PT_S_##name,
#define PT_TERNARY(name, ...) PT_S_##name,
#include "engine/ops/scalar.def"
	PT_S_END, /* of those that are ops */
	/* what programs (program.h) need beside them; no op of their own */
	PT_S_to_f32 = PT_S_END,
	PT_S_to_f64,
	PT_S_to_i64,
	PT_S_round_float16,	 /* in class F32: to the nearest float16 */
	PT_S_round_bfloat16, /* in class F32: to the nearest bfloat16 */
	PT_S_wrap_int32,	 /* in class I64: what storing as that dtype and loading again would do */
	PT_S_wrap_int16,
	PT_S_wrap_int8,
	PT_S_wrap_uint8,
	PT_S_to_bool, /* 0 or 1, in the class of the operand */
	PT_S_copy,
	PT_S_philox, /* class I64: from seed and stream, the same for all points, a float in [0, 1) by the
					point's place in the space (ops/random.c) */
	PT_S_TOTAL
} PtScalar;

#define PT_OP_VIEW 0x02	   /* result is the input's memory under another shape */
#define PT_OP_RANDOM 0x04  /* elementwise, of ops/random.c; refused by torch.eval */
#define PT_OP_DYNAMIC 0x08 /* result shape depends on data: refused in models */
#define PT_OP_INTERNAL \
	0x10 /* of the engine alone: no SQL function torch.NAME, no name in expressions but as a form */
#define PT_OP_DRAWS 0x40 /* from a session's generator; no step of a plan, refused by expressions */
#define PT_OP_TRUTH 0x80 /* its numbers may be truth values in SQL, too */
#define PT_OP_OPERAND 0x20 /* to, expand: in programs another name for a converted operand */

/* What scalar.def says of its rows, in its own words there. */
#define PT_OP_NO_BOOL 0x0100
#define PT_OP_NO_BOOL_OPERAND 0x0200
#define PT_OP_BOOL_AS_INT 0x0400
#define PT_OP_INT_IDENTITY 0x0800
#define PT_OP_DIVIDES 0x1000
#define PT_OP_IN_RANGE 0x2000
#define PT_OP_NO_NEGATIVE 0x4000
#define PT_OP_CONDITION 0x8000
#define PT_OP_FP32 0x010000
#define PT_OP_NUMBER 0x020000
#define PT_OP_NUMBERS 0x040000
#define PT_OP_COST(kind) ((unsigned) (kind) << 20)
#define PT_OP_OPERATOR(symbol) ((unsigned) (symbol) << 24)

typedef enum PtCost
{
	PT_COST_SUM,
	PT_COST_QUOTIENT, /* and roots */
	PT_COST_FUNCTION, /* exp and its like, in vectors */
	PT_COST_FUNCTIONS,
	PT_COST_SLOW /* a call for each element */
} PtCost;

/* Autocast: mixed precision as torch.autocast has it, for a part of a graph. */
typedef enum PtAutocast
{
	PT_AUTOCAST_OFF,
	PT_AUTOCAST_BFLOAT16
} PtAutocast;

/*
 * What autocast does to the operands of an op or the inputs of a module: PyTorch's lists for CUDA.  Only tensors of
 * float32, float16 and bfloat16 are ever converted.
 */
typedef enum PtCasting
{
	PT_CAST_DEFAULT, /* of ops PT_CAST_NONE, of layers PT_CAST_INNER, of losses PT_CAST_FULL */
	PT_CAST_NONE,	 /* what is composed in PyTorch, too: its ops do as they do */
	PT_CAST_LOW,	 /* to the lower precision, weights too: products */
	PT_CAST_FULL,	 /* to float32, and so is the result */
	PT_CAST_INNER	 /* one kernel in PyTorch: in float32, then rounded to what came in */
} PtCasting;

#define PT_MAX_OPERANDS 8 /* an op's tensors beside those of a list */
#define PT_MAX_RESULTS 8
#define PT_MAX_RESULT_LIST 1024 /* tensors of a result that is a list */

/* What infer fills: the results' dtypes and shapes, from inputs and attributes. */
typedef struct PtTensorType
{
	PtDtype dtype;
	PtShape shape;
} PtTensorType;

typedef struct PtOp
{
	const char *name; /* PyTorch's, and if several rows bear one (form.c) a suffix: "max.dim" */
	const char *const
		*aliases;		   /* (optional) further names that PyTorch has for it, NULL-terminated */
	const PtParam *params; /* tensors and attributes, in PyTorch's order */
	unsigned flags;
	int nout;		   /* how many results; 0 means 1: ask pt_op_nout */
	PtScalar scalar;   /* of a scalar op */
	PtCasting casting; /* under autocast */

	/*
	 * Dtypes and shapes of the results; attributes were checked for type and range.  May replace
	 * node->attrs by a normalised form (negative dimensions counted from the end, ...), which is what
	 * gradients and kernels see.  (NULL: the op is only a name for its decomposition.)
	 */
	bool (*infer)(struct PtGraph *g, struct PtNode *node, PtTensorType *out);

	/*
	 * (optional: without it the op is not differentiable and its inputs get no gradient)
	 * Adds nodes that compute the gradient of each input, given those of the results
	 * (PT_NO_REF where there is none), and sets grad[i] for inputs with want[i]; those of a list come
	 * after the others (i = nin + place in the list).  Like the others, false says that the graph has failed.
	 */
	bool (*gradient)(struct PtGraph *g, const struct PtNode *node, const PtRef *gout,
					 const bool *want, PtRef *grad);

	/* (optional) the primitives a fused op stands for: the oracle of tests, used when fusion is off */
	bool (*decompose)(struct PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out);

	/* (instead of infer and decompose) of an op that gives a list, as unbind: its tensors, in the graph's arena */
	bool (*list)(struct PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef **out,
				 int *nout);

	/* (of PT_OP_DRAWS) elements first to last - 1 of t, which infer described; called for all of them in order */
	void (*draw)(struct PtRng *rng, const PtArgs *attrs, PtTensor *t, int64_t first, int64_t last);

	const char *const *results; /* (optional) PyTorch's names when nout > 1: "values", "indices" */
	/*
	 * (optional) for each result the argument that asks for it in an expression, NULL: always there.  SQL has
	 * all results as columns, and not these arguments.
	 */
	const char *const *asked;
	const char *doc;
} PtOp;

static inline int
pt_op_nout(const PtOp *op)
{
	return op->nout > 0 ? op->nout : 1;
}

/* Has it a name in the expression language, and an SQL function torch.NAME? */
static inline bool
pt_op_is_public(const PtOp *op)
{
	return (op->flags & PT_OP_INTERNAL) == 0;
}

static inline PtCost
pt_op_cost(const PtOp *op)
{
	return (PtCost) (op->flags >> 20 & 7);
}

/* The SQL operator that is the op, too; 0 if there is none. */
static inline char
pt_op_operator(const PtOp *op)
{
	return (char) (op->flags >> 24);
}

/* .aliases = PT_ALIASES("clip") */
#define PT_ALIASES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* By PyTorch's name, or one of its aliases; NULL if there is none. */
extern const PtOp *pt_op_find(const char *name);
/* All rows, for generators and tests. */
extern const PtOp *pt_op_at(int i);				  /* NULL past the end */
extern const PtOp *pt_op_scalar(PtScalar scalar); /* NULL if it is no op */
/* Scalar and random ops, to and expand: what a program can hold. */
static inline bool
pt_is_elementwise(const PtOp *op)
{
	return op->scalar != PT_S_NONE || (op->flags & (PT_OP_RANDOM | PT_OP_OPERAND)) != 0;
}

/* ops/scalar.c: the dtype that a scalar op computes in, which its operands are converted to. */
extern PtDtype pt_scalar_dtype(const struct PtGraph *g, const struct PtNode *node);
extern int pt_scalar_arity(PtScalar scalar);

/* The next row of the same public name, NULL if there is none; begins with the row of the plain name. */
extern const PtOp *pt_op_next_form(const PtOp *op);

/* form.c: is it a row of a name that another row bears without suffix? */
extern bool pt_op_is_form(const PtOp *op);
/* Does a parameter of the op ask for one of its results (PtOp.asked)? */
extern bool pt_op_asks(const PtOp *op, const PtParam *param);
/*
 * The form that fits a call, with its arguments bound; NULL after err says what is wrong, with all forms as hint.  first:
 * the row of the plain name.
 */
extern const PtOp *pt_op_choose(PtArena *arena, const PtOp *first, const PtGiven *given, int ngiven,
								PtArgs **args, PtError *err);

#endif
