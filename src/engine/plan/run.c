/*
 * run.c
 *	  Running a plan: stage after stage, again and again, resumed where the last call stopped.
 *
 * Most plans are one stage, and the device repeats it by itself.  A plan with steps on the host goes through its
 * stages once for each run; the device's captured graphs are then of a stage each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/plan/plan_private.h"

/* A copy goes on for so long without a look at the clock: well under 0.1 s, page faults included. */
#define COPY_BYTES ((size_t) 16 << 20)

void
pt_plan_bind(PtPlan *plan, PtRef external, void *address)
{
	if (external >= plan->nvalues || plan->addresses[external] == address)
		return;
	plan->addresses[external] = address;
	plan->bound = plan->ran = false;
}

static bool
resolve(PtPlan *plan, PtError *err)
{
	for (PtRef r = 1; r < plan->nvalues; r++)
		if (plan->needed[r] && plan->addresses[r] == NULL)
			return pt_fail(err, PT_EINTERNAL, "external \"%s\" of a plan has no address",
						   plan->names[r]);
	for (int i = 0; i < plan->nfixups; i++)
	{
		const PtFixup *f = &plan->fixups[i];
		char *base = f->external != PT_NO_REF ? plan->addresses[f->external]
					 : f->host				  ? plan->host_memory
											  : plan->memory;

		*f->address = base + f->offset;
	}
	for (int i = 0; i < plan->nstages; i++)
	{
		PtStage *stage = &plan->stages[i];

		if (stage->queue != NULL && !stage->dev->type->bind(stage->dev, stage->queue, err))
			return false;
	}
	plan->bound = true;
	return true;
}

/* NaN in floats, nonsense in integers: what is read before it was written shows. */
static bool
poison(PtPlan *plan, PtError *err)
{
	char *nan;
	bool ok;

	if (plan->host_bytes > 0)
		memset(plan->host_memory, 0xff, plan->host_bytes);
	if (plan->bytes == 0)
		return true;
	nan = malloc(plan->bytes);
	if (nan == NULL)
		return pt_fail_memory(err, plan->bytes);
	memset(nan, 0xff, plan->bytes);
	ok = plan->dev->type->upload(plan->dev, plan->memory, nan, plan->bytes, err);
	free(nan);
	return ok;
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Copies the next bytes of a stage. */
static PtRun
run_copy(PtPlan *plan, const PtStage *stage, PtError *err)
{
	const PtDeviceType *type = plan->dev->type;
	size_t at = plan->copied, n = stage->bytes - at < COPY_BYTES ? stage->bytes - at : COPY_BYTES;
	char *host = (char *) stage->host + at, *device = (char *) stage->device + at;

	if (stage->up ? !type->upload(plan->dev, device, host, n, err)
				  : !type->download(plan->dev, host, device, n, err))
		return PT_RUN_ERROR;
	plan->copied += n;
	return plan->copied < stage->bytes ? PT_RUN_MORE : PT_RUN_DONE;
}

static PtRun
run_queue(PtPlan *plan, PtStage *stage, int64_t repeat, int64_t budget_ns, PtError *err)
{
	if (!plan->launched && !stage->dev->type->launch(stage->dev, stage->queue, repeat, err))
		return PT_RUN_ERROR;
	plan->launched = true;
	return stage->dev->type->wait(stage->dev, stage->queue, budget_ns, err);
}

/* Of several stages: those of all runs that are left, until the budget is spent. */
static PtRun
run_stages(PtPlan *plan, int64_t budget_ns, PtError *err)
{
	int64_t started = now_ns(), spent = 0;

	while (plan->left > 0)
	{
		PtStage *stage = &plan->stages[plan->at];
		bool copy = stage->queue == NULL;
		PtRun run =
			copy ? run_copy(plan, stage, err) : run_queue(plan, stage, 1, budget_ns - spent, err);

		/* a queue has used up its budget, a copy perhaps not */
		if (run == PT_RUN_ERROR || (run == PT_RUN_MORE && !copy))
			return run;
		if (run == PT_RUN_DONE)
		{
			plan->launched = false;
			plan->copied = 0;
			if (++plan->at == plan->nstages)
			{
				plan->at = plan->first;
				plan->left--;
			}
		}
		spent = now_ns() - started;
		if (spent >= budget_ns && plan->left > 0)
			return PT_RUN_MORE;
	}
	return PT_RUN_DONE;
}

PtRun
pt_plan_run(PtPlan *plan, int64_t repeat, int64_t budget_ns, PtError *err)
{
	PtRun run;

	if (!plan->running)
	{
		if (!plan->bound && !resolve(plan, err))
			return PT_RUN_ERROR;
		if (plan->poison && !poison(plan, err))
			return PT_RUN_ERROR;
		plan->left = repeat;
		plan->at = 0;
		plan->launched = false;
		plan->copied = 0;
	}
	run = plan->nstages == 1 ? run_queue(plan, &plan->stages[0], repeat, budget_ns, err)
							 : run_stages(plan, budget_ns, err);
	plan->running = run == PT_RUN_MORE;
	plan->ran = plan->ran || run == PT_RUN_DONE;
	return run;
}

void
pt_plan_abandon(PtPlan *plan)
{
	plan->running = false;
}

bool
pt_plan_is_running(const PtPlan *plan)
{
	return plan->running;
}

bool
pt_plan_is_quiet(const PtPlan *plan)
{
	bool threads = plan->dev->threads;

	for (int i = 0; i < plan->nstages; i++)
		threads = threads || (plan->stages[i].queue != NULL && plan->stages[i].dev->threads);
	return plan->ran && !threads;
}

/* ---------- what is in a plan ---------- */

size_t
pt_plan_bytes(const PtPlan *plan)
{
	return plan->bytes + plan->host_bytes;
}

int
pt_plan_steps(const PtPlan *plan)
{
	return plan->nsteps;
}

const char *
pt_plan_host_op(const PtPlan *plan, int i)
{
	for (int k = 0; k < plan->nstages; k++)
	{
		const PtStage *stage = &plan->stages[k];

		for (int s = 0; stage->queue != NULL && stage->dev != plan->dev && s < stage->queue->nsteps;
			 s++)
			if (i-- == 0)
				return pt_step_name(&stage->queue->steps[s]);
	}
	return NULL;
}

static size_t
print_step(char *text, size_t size, const PtStep *s, bool host)
{
	const PtProgram *program = s->op ? s->epilogue : s->program;
	char shape[PT_SHAPE_TEXT];
	size_t used = (size_t) snprintf(text, size, "%s", s->op ? s->op->name : "program");

	for (int k = 0; program != NULL && k < program->ninstructions && used + 96 < size; k++)
	{
		const PtInstruction *ins = &program->instructions[k];
		const PtOp *op = pt_op_scalar((PtScalar) ins->op);

		used += (size_t) snprintf(text + used, size - used, "%s%s",
								  k > 0	  ? " "
								  : s->op ? " + "
										  : ": ",
								  op != NULL			   ? op->name
								  : ins->op == PT_S_philox ? "philox"
														   : "convert");
	}
	return used + (size_t) snprintf(text + used, size - used, "  %s%s\n",
									pt_shape_print(&s->out[0].shape, shape),
									host ? "  on the host" : "");
}

char *
pt_plan_print(const PtPlan *plan)
{
	size_t size = 256 + (size_t) (plan->nsteps + plan->nstages) * 256;
	char *text = malloc(size);
	size_t used = 0;

	if (text == NULL)
		return NULL;
	text[0] = '\0';
	for (int i = 0; i < plan->nstages; i++)
	{
		const PtStage *stage = &plan->stages[i];

		if (stage->queue == NULL)
			used += (size_t) snprintf(text + used, size - used, "%s %zu bytes\n",
									  stage->up ? "upload" : "download", stage->bytes);
		else
			for (int s = 0; s < stage->queue->nsteps && used + 256 < size; s++)
				used += print_step(text + used, size - used, &stage->queue->steps[s],
								   stage->dev != plan->dev);
	}
	return text;
}
