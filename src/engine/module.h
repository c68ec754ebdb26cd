/*
 * module.h
 *	  Modules and losses: a table of types, and trees of instances.
 *
 * A module type is one row: name, parameters of its constructor, what state it has, and a build
 * function that composes ops.  Modules own no gradient and no kernel.  An instance is read
 * from Python text ('nn.Sequential(nn.Linear(4, 2), nn.ReLU())') and prints as the canonical
 * form of it: positional arguments where PyTorch users write them, defaults left out.
 *
 * Losses are modules that take (output, target); optimizers (optim.h) have rows of their own.
 */
#ifndef PT_MODULE_H
#define PT_MODULE_H

#include "engine/graph.h"
#include "engine/rng.h"

typedef struct PtModule PtModule;
typedef struct PtBuild PtBuild;
typedef struct PtDeclare PtDeclare;

typedef enum PtModuleKind
{
	PT_MODULE_LAYER,
	PT_MODULE_LOSS
} PtModuleKind;

typedef struct PtModuleType
{
	const char *name; /* "Linear"; SQL: nn.linear */
	PtModuleKind kind;
	const char *doc;
	const PtParam *params; /* constructor arguments, PyTorch's order and defaults */

	/*
	 * (optional) checks that need several arguments together
	 */
	bool (*check)(const PtModule *m, PtError *err);

	/*
	 * (optional) declares own parameters and buffers, in PyTorch's registration order
	 */
	bool (*declare)(PtDeclare *d, const PtModule *m);

	/* composes ops; errors are the graph's */
	PtRef (*build)(PtBuild *b, const PtModule *m, const PtRef *in, int nin);

	/*
	 * What the module knows of shapes before data is seen, per row (without the batch dimension): from an
	 * input shape to the output's.  A size of -1 is unknown; with ndim -1 the number of dimensions is
	 * unknown, and dim[0] is the size of the last one (-1: unknown, too).  (optional: keeps the
	 * shape)  Fills err when they do not fit.
	 */
	bool (*shapes)(const PtModule *m, const PtShape *in, PtShape *out, PtError *err);

	/* of a loss: how targets are meant, and what its output implies for predict_proba */
	bool class_targets; /* class indices [B] or probabilities [B, C] */
	const char *
		probability; /* op that turns outputs into probabilities: "softmax", "exp", "sigmoid", "" (as is); NULL: none */

	/* of a layer whose first input holds indices (Embedding): that input is int64 */
	bool index_input;
} PtModuleType;

struct PtModule
{
	const PtModuleType *type;
	const PtArgs *args;
	int nchildren;
	PtModule **children;
	const char **names; /* of the children: "0", "1", ... */
	const char *path;	/* dotted, from the root: "" , "0", "2.1" */
	int depth;			/* of the tree below: 1 without children */
};

/* Modules nest at most so deep, so that whoever walks a tree may recurse. */
#define PT_MODULE_DEPTH 300

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

extern const PtModuleType *pt_module_type_at(int i); /* NULL past the end */
extern const PtModuleType *pt_module_type_find(
	const char *name); /* exact PyTorch name, case-insensitive if unique */

/* Text -> tree (in the arena).  Shapes known before data are checked (Linear after Linear). */
extern PtModule *pt_module_parse(PtArena *arena, const char *text, PtError *err);
/* A tree -> canonical text. */
extern char *pt_module_print(PtArena *arena, const PtModule *m, PtError *err);
/* A module from bound arguments, as SQL's nn.linear(...) makes it. */
extern PtModule *pt_module_new(PtArena *arena, const PtModuleType *type, const PtGiven *given,
							   int ngiven, PtError *err);

/* Of the root of a tree.  The entries point to its modules. */
extern bool pt_module_state(PtArena *arena, const PtModule *m, PtStateDict *out, PtError *err);
/* Initial values as PyTorch's constructors draw them, in order; data[i] has room for entry i. */
extern bool pt_module_init(const PtModule *m, const PtStateDict *sd, PtRng *rng, void **data,
						   PtError *err);

/* How many inputs forward takes, and whether input i holds indices (int64). */
extern int pt_module_inputs(const PtModule *m);
extern bool pt_module_input_is_index(const PtModule *m, int i);
/* Output shape per row for input shapes per row, known or not; for pgtorch_summary and checks. */
extern bool pt_module_output_shape(const PtModule *m, const PtShape *in, int nin, PtShape *out,
								   PtError *err);

/*
 * Adds the module's ops to a graph.  state[i] is the value of state_dict entry i.  training: dropout
 * and batch statistics are on.  updates (training only): for entries that forward changes
 * (running_mean), the new value, else PT_NO_REF.
 */
struct PtBuild
{
	PtGraph *g;
	const PtStateDict *sd;
	const PtRef *state;
	PtRef *updates;
	bool training;
	int cursor; /* where pt_build_state looks first; starts as 0 */
};
extern PtRef pt_module_build(PtBuild *b, const PtModule *m, const PtRef *in, int nin);
/* For build functions: the value of m's own parameter "weight"; PT_NO_REF if it has none. */
extern PtRef pt_build_state(PtBuild *b, const PtModule *m, const char *name);

/* For declare functions. */
typedef void (*PtInit)(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape,
					   void *data);
extern bool pt_declare(PtDeclare *d, const char *name, PtDtype dtype, const PtShape *shape,
					   bool trainable, PtInit init);

#endif
