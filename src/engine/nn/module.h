/*
 * module.h
 *	  Modules and losses: a table of types, and trees of instances.
 *
 * A module type is one row: name, parameters of its constructor, what forward takes, what state it has, and a
 * function that composes ops.  Modules own no gradient and no kernel.  An instance is read
 * from Python text ('nn.Sequential(nn.Linear(4, 2), nn.ReLU())') and prints as the canonical
 * form of it: positional arguments where PyTorch users write them, defaults left out.
 *
 * Losses are modules that take (output, target); optimizers (optim.h) have rows of their own.
 */
#ifndef PT_MODULE_H
#define PT_MODULE_H

#include "engine/data/rng.h"
#include "engine/graph/graph.h"
#include "engine/graph/constructor.h"

typedef struct PtModule PtModule;
typedef struct PtBuild PtBuild;
typedef struct PtDeclare PtDeclare;

/* How the targets of a loss are meant. */
typedef enum PtTarget
{
	PT_TARGET_NUMBERS,	  /* of the output's shape; k columns are [B, k] */
	PT_TARGET_CLASS,	  /* class indices [B] or probabilities [B, C] */
	PT_TARGET_CLASS_LIST, /* class indices [B, C] */
	PT_TARGET_BINARY /* numbers from 0 to 1, [B, k]; of a column of two labels 0 and 1, [B, 1] */
} PtTarget;

typedef struct PtLossType
{
	PtTarget target;
	const char *domain; /* a hint for when it is not finite: which outputs it takes; NULL: all */
	/* op that turns outputs into probabilities: "softmax", "exp", "sigmoid", "" (as is); NULL: none */
	const char *probability;
} PtLossType;

typedef struct PtModuleType
{
	PT_CONSTRUCTOR;

	/*
	 * (optional) checks that need several arguments together
	 */
	bool (*check)(const PtModule *m, PtError *err);

	/*
	 * (optional) declares own parameters and buffers, in PyTorch's registration order
	 */
	bool (*declare)(PtDeclare *d, const PtModule *m);

	/* composes ops: one tensor of the tensors that forward takes; errors are the graph's */
	PtRef (*build)(PtBuild *b, const PtModule *m, const PtRef *in);

	/*
	 * (instead) the same of a module with optional inputs, with inputs that are no tensors, or with several
	 * results.  in: bound to inputs, None where nothing is given; out: a tensor, or a tuple (nested as PyTorch's)
	 * whose values may be None.
	 */
	bool (*forward)(PtBuild *b, const PtModule *m, const PtArgs *in, PtValue *out);

	/*
	 * What PyTorch's forward takes, required tensors first: those are a model's inputs.  Several tensors that
	 * are one tuple there, (h_0, c_0), are PT_ARG_TENSORS.  NULL: "input"; of a loss "input" and "target".
	 */
	const PtParam *inputs;
	uint64_t indices; /* bit i: input i holds indices, hence is int64 */

	/*
	 * What the module knows of shapes before data is seen, per row (without the batch dimension): from its
	 * required inputs' to that of its first result, which nn.Sequential hands on; pt_module_trace tells
	 * all.  A size of -1 is unknown; with ndim -1 the number of dimensions is unknown, and dim[0] is the size of
	 * the last one (-1: unknown, too).  (optional: keeps the shape)  Fills err when they do not fit.
	 */
	bool (*shapes)(const PtModule *m, const PtShape *in, PtShape *out, PtError *err);

	const PtLossType *loss; /* NULL: a layer */
	const void *variant;	/* what tells rows with the same functions apart: theirs to read */

	/*
	 * (optional) when arguments and children are there: sets what differs between modules of the type
	 * (body, inputs, indices, may_be_loss)
	 */
	bool (*prepare)(PtArena *arena, PtModule *m, PtError *err);

	/* under autocast */
	PtCasting casting;
	const char *no_autocast; /* if it is refused: a hint for what to use instead */
} PtModuleType;

struct PtModule
{
	PT_OBJECT(PtModuleType);
	int nchildren;
	PtModule **children;
	const char **names;	   /* of the children: "0", "1", ... */
	const char *path;	   /* dotted, from the root: "" , "0", "2.1" */
	const void *body;	   /* the type's own, from prepare */
	const PtParam *inputs; /* what forward takes, and which of it holds indices */
	uint64_t indices;
	bool may_be_loss; /* a layer that can serve as a loss, too */
	int depth;		  /* of the tree below: 1 without children */
	int64_t work;	  /* modules and operations that a forward pass is made of, about */
};

/* Modules nest at most so deep, so that whoever walks a tree may recurse. */
#define PT_MODULE_DEPTH 300

/*
 * Modules have at most so much work: a short text that calls a module twice, which calls one twice, ...
 * would take all memory.
 */
#define PT_MODULE_WORK 100000

/* Bytes of a module's path. */
#define PT_MODULE_PATH 2000

/* For messages: "2.1 (nn.Linear)", or "nn.Linear" for the root; buf has PT_MODULE_TITLE bytes; returns buf. */
#define PT_MODULE_TITLE 160
extern char *pt_module_title(const PtModule *m, char *buf);

/* One tensor of the state_dict. */
typedef struct PtState
{
	const char *name; /* "0.weight" */
	PtDtype dtype;
	PtShape shape;
	bool trainable; /* a parameter; false: a buffer (running_mean) */
	int64_t
		offset; /* trainable: of its first element in the flat parameter array; entries are 64-byte aligned */
	const PtModule *owner;
} PtState;

typedef struct PtStateDict
{
	int count;
	PtState *entries;
	int64_t flat;  /* elements of the flat parameter array, padding included */
	int64_t numel; /* trainable elements proper */
} PtStateDict;

extern const PtConstructors pt_modules;
extern const PtModuleType *pt_module_type_at(int i); /* NULL past the end */

/* Text -> tree (in the arena).  Shapes known before data are checked (Linear after Linear). */
static inline PtModule *
pt_module_parse(PtArena *arena, const char *text, PtError *err)
{
	return (PtModule *) pt_constructor_parse(arena, &pt_modules, text, err);
}

/* A tree -> canonical text. */
static inline char *
pt_module_print(PtArena *arena, const PtModule *m, PtError *err)
{
	return pt_object_print(arena, (const PtObject *) m, err);
}

/* state.c.  Of the root of a tree; the entries point to its modules. */
extern bool pt_module_state(PtArena *arena, const PtModule *m, PtStateDict *out, PtError *err);
/* Initial values as PyTorch's constructors draw them, in order; data[i] has room for entry i. */
extern bool pt_module_init(const PtModule *m, const PtStateDict *sd, PtRng *rng, void **data,
						   PtError *err);

/* False, with err filled, if autocast refuses the module or one of its children. */
extern bool pt_module_can_autocast(const PtModule *m, PtError *err);

/* Can it compute a loss from (output, target)?  Some layers can: those of nn.Graph without modules. */
extern bool pt_module_is_loss(const PtModule *m);
/* Of what serves as a loss: how it takes targets. */
extern const PtLossType *pt_module_loss(const PtModule *m);

/* Tensors that a module may give, in tuples or not. */
#define PT_MAX_OUTPUTS 64

/*
 * trace.c: builds the module for a few rows of such shapes, and tells the shapes per row of what every module gives
 * as it is reached (ndim -1: of a tensor that has not the rows first); seen may be NULL.  out, with room for
 * PT_MAX_OUTPUTS: the root's; gives their number, 0 if it fails.
 */
typedef void (*PtSeen)(void *arg, const PtModule *m, const PtShape *rows, int n);
extern int pt_module_trace(const PtModule *m, const PtShape *in, int nin, PtShape *out, PtSeen seen,
						   void *arg, PtError *err);

/*
 * The shape per row of what a model gives for so many rows, whose first dimension they must be; in row, which may be
 * NULL.
 */
extern bool pt_module_row(const PtModule *m, const PtShape *shape, int64_t rows, PtShape *row,
						  PtError *err);

/* How many inputs a model of it has: the tensors that forward must have; and whether input i holds indices (int64). */
extern int pt_module_inputs(const PtModule *m);
extern bool pt_module_input_is_index(const PtModule *m, int i);
/* Shape per row of the first result for input shapes per row, known or not. */
extern bool pt_module_output_shape(const PtModule *m, const PtShape *in, int nin, PtShape *out,
								   PtError *err);
/* Do its parts fit, as far as that is known without any input? */
extern bool pt_module_fits(const PtModule *m, PtError *err);

/*
 * Adds the module's ops to a graph.  state[i] is the value of state_dict entry i.  training: dropout
 * and batch statistics are on.  updates (training only, may be NULL): for entries that forward changes
 * (running_mean), the new value, else PT_NO_REF.  seed and step (training only, int64 without dimensions):
 * what random numbers depend on; without them, modules that draw any are an error.
 */
struct PtBuild
{
	PtGraph *g;
	const PtStateDict *sd;
	const PtRef *state;
	PtRef *updates;
	PtRef seed, step;
	int streams; /* modules that drew random numbers so far; starts as 0 */
	bool training;
	int cursor; /* where pt_build_state looks first; starts as 0 */

	/*
	 * Mixed precision, as if forward ran inside torch.autocast('cuda'): each type's and op's casting is done.
	 * lower: pt_build_state gives weights of the lower precision; lowered: those that were asked for, one a run.
	 */
	PtAutocast autocast;
	bool lower;
	PtRef *lowered;
	/* (optional) told what each module gave */
	void (*seen)(void *arg, const PtModule *m, const PtValue *given);
	void *seen_arg;
};

/*
 * Calls a module: arguments of forward by position, then by name.  out: a tensor, or a tuple; false: the graph has the
 * error, which names the module.
 */
extern bool pt_module_call(PtBuild *b, const PtModule *m, const PtGiven *given, int ngiven,
						   PtValue *out);
/* The same of tensors by position: all tensors that it gives (room: PT_MAX_OUTPUTS); their number, 0 if it fails. */
extern int pt_module_results(PtBuild *b, const PtModule *m, const PtRef *in, int nin, PtRef *out);
/* ... and the first of them, which is what nn.Sequential hands on. */
extern PtRef pt_module_build(PtBuild *b, const PtModule *m, const PtRef *in, int nin);

/* For build functions: the value of m's own parameter "weight"; PT_NO_REF if it has none. */
extern PtRef pt_build_state(PtBuild *b, const PtModule *m, const char *name);
/* ... the buffer "running_mean" shall hold this value after the training step. */
extern void pt_build_update(PtBuild *b, const PtModule *m, const char *name, PtRef value);
/* ... a random op (ops/random.c) on x, with numbers that are this module's and step's own. */
extern PtRef pt_build_random(PtBuild *b, const char *op, PtRef x, const PtGiven *given, int ngiven);
/* ... another one that draws the same numbers as the last. */
extern PtRef pt_build_random_again(PtBuild *b, const char *op, PtRef x, const PtGiven *given,
								   int ngiven);
/* ... an error that a shapes function found. */
extern PtRef pt_build_fail(PtBuild *b, const PtError *err);

/* For declare functions. */
typedef void (*PtInit)(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape,
					   void *data);
extern bool pt_declare(PtDeclare *d, const char *name, PtDtype dtype, const PtShape *shape,
					   bool trainable, PtInit init);

#endif
