/*
 * matmul.c
 *	  mm and linear by cuBLASLt, with bias, activation and bias gradient in its epilogues.
 *
 * cuBLASLt thinks in columns: a row-major matrix is to it the transposed one.  So it is asked for C^T = op(B)^T
 * op(A)^T, which needs no copy: its "A" is our B, its rows are our columns.
 *
 * An algorithm is chosen at bind by cuBLASLt's heuristics among those that add up without atomics, so
 * results repeat.  Fused are, where cuBLASLt has a kernel for it:
 *		bias				always
 *		an epilogue relu	where it hands a NaN on, as PyTorch's does (probed once for each dtype)
 *		a bias gradient		the sum over rows of dY that stands beside the product dY^T X; the sum's own
 *							step then does nothing
 * Integers, products over nothing, sizes past 2^31 and what cuBLASLt has no algorithm for go to
 * matmul_simple.cu; other epilogues are programs of their own after the product.
 *
 * Memory: products take their workspaces from one piece of a device's memory in turn, so that small ones may run side by
 *		   side; behind it is room for a bias.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cublasLt.h>

#include "cuda.h"
#include "matmul.h"

#define WORKSPACE_BYTES ((size_t) 32 << 20)
#define WORKSPACE_ALIGN ((size_t) 256)
/*
 * cuBLASLt's kernels load a bias in words of so many bytes, whatever its address: one that lies otherwise is copied
 * behind the workspace first.
 */
#define VECTOR_ALIGN 16
#define VECTOR_BYTES ((size_t) 1 << 20)

typedef enum Probe
{
	UNKNOWN,
	NO,
	YES
} Probe;

struct PtCudaBlas
{
	cublasLtHandle_t handle;
	char *workspace;
	size_t taken;		   /* of it, since it was begun anew */
	Probe relu[PT_NDTYPE]; /* whether relu in an epilogue leaves NaN a NaN */
};

/* One product in cuBLASLt's terms. */
typedef struct Lt
{
	cublasLtMatmulDesc_t desc;
	cublasLtMatrixLayout_t a, b, c;
	cublasLtMatmulAlgo_t algo;
	size_t workspace;
} Lt;

typedef struct ProductTask
{
	PtCudaTask task;
	PtCudaBlas *blas;
	PtCudaProduct p;
	Lt lt;
	void *workspace;
	const void *bias; /* to be copied to where p has it; NULL: it lies there */
	size_t bias_bytes;
} ProductTask;

/* ---------- the library ---------- */

PtCudaBlas *
pt_cuda_blas_open(PtCuda *dev, PtError *err)
{
	PtCudaBlas *blas = calloc(1, sizeof(PtCudaBlas));
	cublasStatus_t status;
	cudaError_t error;

	if (blas == NULL)
	{
		pt_fail_memory(err, sizeof(PtCudaBlas));
		return NULL;
	}
	status = cublasLtCreate(&blas->handle);
	if (status != CUBLAS_STATUS_SUCCESS)
	{
		blas->handle = NULL;
		pt_fail(err, status == CUBLAS_STATUS_ALLOC_FAILED ? PT_ENOMEM : PT_EDEVICE,
				"cuBLASLt cannot be used on device \"cuda:%d\"", dev->ordinal);
		pt_detail(err, "cublasLtCreate gave status %d.", (int) status);
		pt_hint(err, "Set \"pgtorch.device\" to \"cpu\".");
		pt_cuda_blas_close(blas);
		return NULL;
	}
	error = cudaMalloc((void **) &blas->workspace, WORKSPACE_BYTES + VECTOR_BYTES);
	if (error == cudaSuccess)
		return blas;
	if (error == cudaErrorMemoryAllocation)
		pt_cuda_fail_memory(dev, WORKSPACE_BYTES + VECTOR_BYTES, err);
	else
		pt_cuda_fail(dev, error, "allocating memory", err);
	blas->workspace = NULL;
	pt_cuda_blas_close(blas);
	return NULL;
}

void
pt_cuda_blas_close(PtCudaBlas *blas)
{
	if (blas == NULL)
		return;
	if (blas->workspace != NULL)
		(void) cudaFree(blas->workspace);
	if (blas->handle != NULL)
		(void) cublasLtDestroy(blas->handle);
	free(blas);
}

/* ---------- one product for cuBLASLt ---------- */

static void
free_lt(Lt *lt)
{
	if (lt->desc != NULL)
		(void) cublasLtMatmulDescDestroy(lt->desc);
	if (lt->a != NULL)
		(void) cublasLtMatrixLayoutDestroy(lt->a);
	if (lt->b != NULL)
		(void) cublasLtMatrixLayoutDestroy(lt->b);
	if (lt->c != NULL)
		(void) cublasLtMatrixLayoutDestroy(lt->c);
	memset(lt, 0, sizeof(*lt));
}

static void
release_product(PtCudaTask *task)
{
	free_lt(&((ProductTask *) task)->lt);
}

static bool
types_of(const PtCuda *dev, PtDtype dtype, cudaDataType_t *type, cudaDataType_t *scale,
		 cublasComputeType_t *compute)
{
	*scale = CUDA_R_32F;
	*compute = CUBLAS_COMPUTE_32F;
	switch (dtype)
	{
		case PT_FLOAT32:
			*type = CUDA_R_32F;
			if (dev->precision == PT_HIGH)
				*compute = CUBLAS_COMPUTE_32F_FAST_TF32;
			return true;
		case PT_FLOAT64:
			*type = *scale = CUDA_R_64F;
			*compute = CUBLAS_COMPUTE_64F;
			return true;
		case PT_FLOAT16:
			*type = CUDA_R_16F;
			return true;
		case PT_BFLOAT16:
			*type = CUDA_R_16BF;
			return true;
		default:
			return false;
	}
}

static bool
set(Lt *lt, cublasLtMatmulDescAttributes_t what, const void *value, size_t size)
{
	return cublasLtMatmulDescSetAttribute(lt->desc, what, value, size) == CUBLAS_STATUS_SUCCESS;
}

static bool
describe(Lt *lt, const PtCudaProduct *p, cublasLtMatmulDesc_t desc)
{
	/* ours to theirs: a and b change places */
	cublasOperation_t ta = p->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
	cublasOperation_t tb = p->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
	cublasLtEpilogue_t epilogue =
		p->bias_gradient != NULL ? CUBLASLT_EPILOGUE_BGRADB
		: p->bias != NULL		 ? p->relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS
		: p->relu				 ? CUBLASLT_EPILOGUE_RELU
								 : CUBLASLT_EPILOGUE_DEFAULT;
	const void *vector = p->bias_gradient != NULL ? p->bias_gradient : p->bias;

	lt->desc = desc;
	return set(lt, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof(ta)) &&
		   set(lt, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof(tb)) &&
		   set(lt, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof(epilogue)) &&
		   (vector == NULL || set(lt, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &vector, sizeof(vector)));
}

static bool
lay_out(cublasLtMatrixLayout_t *layout, cudaDataType_t type, int64_t rows, int64_t cols, int64_t ld,
		int64_t batch, int64_t stride)
{
	int32_t count = (int32_t) batch;

	if (cublasLtMatrixLayoutCreate(layout, type, (uint64_t) rows, (uint64_t) cols, ld) !=
		CUBLAS_STATUS_SUCCESS)
		return false;
	return batch == 1 ||
		   (cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
											 sizeof(count)) == CUBLAS_STATUS_SUCCESS &&
			cublasLtMatrixLayoutSetAttribute(*layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
											 &stride, sizeof(stride)) == CUBLAS_STATUS_SUCCESS);
}

/* The power of two, up to 256, that an address is a multiple of. */
static uint32_t
alignment(const void *p)
{
	uintptr_t a = (uintptr_t) p;
	uint32_t n = 256;

	while (n > 1 && a % n != 0)
		n /= 2;
	return n;
}

static bool
prefer(cublasLtMatmulPreference_t pref, cublasLtMatmulPreferenceAttributes_t what, uint64_t value,
	   size_t size)
{
	uint32_t small = (uint32_t) value;

	return cublasLtMatmulPreferenceSetAttribute(pref, what,
												size == 4 ? (void *) &small : (void *) &value,
												size) == CUBLAS_STATUS_SUCCESS;
}

/*
 * How partial sums may be joined.  Not "in place", which adds up with atomics, and not in a type that is narrower than
 * the sum's: halves would be rounded before they are added.
 */
static uint32_t
reductions(PtDtype dtype)
{
	uint32_t mask = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

	if (dtype == PT_FLOAT32 || dtype == PT_FLOAT64)
		mask |= CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
	return mask;
}

/* The best algorithm for these addresses, if there is one. */
static bool
choose(PtCudaBlas *blas, Lt *lt, const PtCudaProduct *p)
{
	cublasLtMatmulPreference_t pref = NULL;
	cublasLtMatmulHeuristicResult_t found;
	int count = 0;
	bool ok = cublasLtMatmulPreferenceCreate(&pref) == CUBLAS_STATUS_SUCCESS;

	ok =
		ok &&
		prefer(pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, WORKSPACE_BYTES, sizeof(uint64_t)) &&
		prefer(pref, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions(p->dtype),
			   sizeof(uint32_t)) &&
		prefer(pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p->b),
			   sizeof(uint32_t)) &&
		prefer(pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p->a),
			   sizeof(uint32_t)) &&
		prefer(pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p->c),
			   sizeof(uint32_t)) &&
		prefer(pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p->c),
			   sizeof(uint32_t)) &&
		cublasLtMatmulAlgoGetHeuristic(blas->handle, lt->desc, lt->a, lt->b, lt->c, lt->c, pref, 1,
									   &found, &count) == CUBLAS_STATUS_SUCCESS &&
		count > 0 && found.state == CUBLAS_STATUS_SUCCESS;
	if (pref != NULL)
		(void) cublasLtMatmulPreferenceDestroy(pref);
	if (!ok)
		return false;
	lt->algo = found.algo;
	lt->workspace = found.workspaceSize;
	return lt->workspace <= WORKSPACE_BYTES;
}

/* False: cuBLASLt does not do this product (with this epilogue). */
static bool
plan_lt(PtCuda *dev, Lt *lt, const PtCudaProduct *p)
{
	cudaDataType_t type, scale;
	cublasComputeType_t compute;
	cublasLtMatmulDesc_t desc;

	memset(lt, 0, sizeof(*lt));
	if ((uintptr_t) p->bias % VECTOR_ALIGN != 0 || (uintptr_t) p->bias_gradient % VECTOR_ALIGN != 0)
		return false;
	if (p->k == 0 || p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX || p->batch > INT_MAX ||
		!types_of(dev, p->dtype, &type, &scale, &compute) ||
		cublasLtMatmulDescCreate(&desc, compute, scale) != CUBLAS_STATUS_SUCCESS)
		return false;
	if (describe(lt, p, desc) &&
		lay_out(&lt->a, type, p->tb ? p->k : p->n, p->tb ? p->n : p->k, p->tb ? p->k : p->n,
				p->batch, p->batch_b) &&
		lay_out(&lt->b, type, p->ta ? p->m : p->k, p->ta ? p->k : p->m, p->ta ? p->m : p->k,
				p->batch, p->batch_a) &&
		lay_out(&lt->c, type, p->n, p->m, p->n, p->batch, p->m * p->n) && choose(dev->blas, lt, p))
		return true;
	free_lt(lt);
	return false;
}

static cublasStatus_t
run_lt(PtCudaBlas *blas, const Lt *lt, const PtCudaProduct *p, void *workspace, cudaStream_t stream)
{
	const float one_f = 1, zero_f = 0;
	const double one_d = 1, zero_d = 0;
	bool wide = p->dtype == PT_FLOAT64;

	return cublasLtMatmul(blas->handle, lt->desc, wide ? (void *) &one_d : (void *) &one_f, p->b,
						  lt->a, p->a, lt->b, wide ? (void *) &zero_d : (void *) &zero_f, p->c,
						  lt->c, p->c, lt->c, &lt->algo, workspace, lt->workspace, stream);
}

static cudaError_t
launch_product(PtCudaTask *task, cudaStream_t stream)
{
	ProductTask *t = (ProductTask *) task;
	cudaError_t error;

	if (t->bias != NULL)
	{
		error = cudaMemcpyAsync((void *) t->p.bias, t->bias, t->bias_bytes,
								cudaMemcpyDeviceToDevice, stream);
		if (error != cudaSuccess)
			return error;
	}
	switch (run_lt(t->blas, &t->lt, &t->p, t->workspace, stream))
	{
		case CUBLAS_STATUS_SUCCESS:
			return cudaSuccess;
		case CUBLAS_STATUS_EXECUTION_FAILED:
			/*
			 * The error itself is with cuBLASLt's own copy of the CUDA runtime.  If it broke the context the
			 * stream says so; otherwise there was no room for the kernel.
			 */
			error = cudaStreamQuery(stream);
			return error == cudaSuccess || error == cudaErrorNotReady
					   ? cudaErrorLaunchOutOfResources
					   : error;
		default:
			/* the call was refused; the device is as it was */
			return cudaErrorNotSupported;
	}
}

/* ---------- what can be fused ---------- */

/* Multiplies a NaN with relu in the epilogue, and looks whether it comes out as one. */
static bool
probe_relu(PtCuda *dev, PtDtype dtype)
{
	enum
	{
		N = 16
	};
	size_t size = pt_dtype_size(dtype), bytes = N * N * size;
	PtCudaProduct p = {.dtype = dtype, .m = N, .n = N, .k = N, .batch = 1, .relu = true};
	char host[N * N * 8];
	char *room = NULL;
	bool kept = false;
	Lt lt;

	for (int i = 0; i < N * N; i++)
		pt_element_set_double(dtype, host, (size_t) i, NAN);
	if (cudaMalloc((void **) &room, 3 * bytes) != cudaSuccess)
	{
		(void) cudaGetLastError();
		return false;
	}
	p.a = room;
	p.b = room + bytes;
	p.c = room + 2 * bytes;
	if (cudaMemcpyAsync(room, host, bytes, cudaMemcpyHostToDevice, dev->stream) == cudaSuccess &&
		cudaMemcpyAsync(room + bytes, host, bytes, cudaMemcpyHostToDevice, dev->stream) ==
			cudaSuccess &&
		plan_lt(dev, &lt, &p))
	{
		kept =
			run_lt(dev->blas, &lt, &p, dev->blas->workspace, dev->stream) ==
				CUBLAS_STATUS_SUCCESS &&
			cudaMemcpyAsync(host, p.c, bytes, cudaMemcpyDeviceToHost, dev->stream) == cudaSuccess &&
			cudaStreamSynchronize(dev->stream) == cudaSuccess;
		for (int i = 0; i < N * N; i++)
			kept = kept && isnan(pt_element_get_double(dtype, host, (size_t) i));
		free_lt(&lt);
	}
	(void) cudaStreamSynchronize(dev->stream);
	(void) cudaFree(room);
	(void) cudaGetLastError();
	return kept;
}

/* Whether the program is relu of its single input, rounded at most. */
static bool
is_relu(const PtProgram *e, PtDtype dtype)
{
	const PtInstruction *i = e->instructions;

	if (e->ninputs != 1 || e->noutputs != 1 || e->ninstructions < 1 || e->ninstructions > 2 ||
		e->outputs[0].dtype != dtype || e->inputs[0].dtype != dtype || i[0].op != PT_S_relu ||
		i[0].in[0] != e->inputs[0].reg)
		return false;
	/* what was rounded before stays as it is */
	if (e->ninstructions == 2 &&
		((i[1].op != PT_S_round_float16 && i[1].op != PT_S_round_bfloat16) ||
		 i[1].in[0] != i[0].out))
		return false;
	return e->outputs[0].reg == i[e->ninstructions - 1].out;
}

static bool
fuses_relu(PtCuda *dev, const PtStep *step)
{
	PtDtype dtype = step->in[0].dtype;
	Probe *probe = &dev->blas->relu[dtype];

	if (step->epilogue == NULL || !pt_dtype_is_float(dtype) || !is_relu(step->epilogue, dtype))
		return false;
	if (*probe == UNKNOWN)
		*probe = probe_relu(dev, dtype) ? YES : NO;
	return *probe == YES;
}

static bool
overlap(const void *a, size_t na, const void *b, size_t nb)
{
	return na > 0 && nb > 0 && (const char *) a < (const char *) b + nb &&
		   (const char *) b < (const char *) a + na;
}

/* Whether a step reads or writes that memory. */
static bool
touches(const PtStep *step, const void *p, size_t bytes, bool writes_only)
{
	if (overlap(p, bytes, step->scratch, step->workspace))
		return true;
	for (int i = 0; i < step->nout; i++)
		if (overlap(p, bytes, step->out[i].data, pt_cuda_operand_bytes(&step->out[i])))
			return true;
	for (int i = 0; !writes_only && i < step->nin; i++)
		if (overlap(p, bytes, step->in[i].data, pt_cuda_operand_bytes(&step->in[i])))
			return true;
	return false;
}

/* The sum over rows of the product's dY, if it may be made where the product is; -1 if there is none. */
static int
find_bias_gradient(const PtCudaBind *b, const PtStep *step)
{
	const PtStep *steps = b->queue->steps;
	const PtOperand *dy = &step->in[0];
	int self = (int) (step - steps);

	for (int j = 0; j < b->queue->nsteps; j++)
	{
		const PtStep *sum = &steps[j];
		const PtValue *dims;
		int first = j < self ? j : self, last = j < self ? self : j;
		bool fits = true;

		if (b->done_elsewhere[j] || dy->shape.ndim != 2 || sum->op == NULL ||
			strcmp(sum->op->name, "sum") != 0 || sum->epilogue != NULL ||
			sum->in[0].data != dy->data || sum->in[0].dtype != dy->dtype ||
			!pt_shape_equal(&sum->in[0].shape, &dy->shape) || sum->out[0].dtype != dy->dtype)
			continue;
		dims = pt_args_get(sum->attrs, "dim");
		if (dims == NULL || dims->kind != PT_VALUE_INTS || dims->count != 1 || dims->ints[0] != 0)
			continue;
		/* dY must be the same at both, and the sum's place free from one to the other */
		for (int i = first; fits && i <= last; i++)
		{
			const void *out = sum->out[0].data;
			size_t bytes = pt_cuda_operand_bytes(&sum->out[0]);

			if (i != j)
				fits = !touches(&steps[i], out, bytes, false);
			if (fits && i != last)
				fits = !touches(&steps[i], dy->data, pt_cuda_operand_bytes(dy), true);
		}
		if (fits)
			return j;
	}
	return -1;
}

/* ---------- kernels ---------- */

/* Whether the product can lie in the first output until the epilogue has run. */
static bool
fits_output(const PtStep *step)
{
	return step->epilogue == NULL || step->out[0].dtype == step->in[0].dtype;
}

static bool
prepare_matmul(PtCuda *dev, PtStep *step, PtError *err)
{
	bool spare = !fits_output(step);

	(void) dev;
	(void) err;
	if (step->epilogue == NULL)
		return true;
	/* an input of the epilogue as large as the output may be given the same memory */
	for (int i = step->nin - step->nepilogue; i < step->nin; i++)
		spare = spare || pt_shape_numel(&step->in[i].shape) == step->epilogue->points;
	if (spare)
		step->workspace = (size_t) step->epilogue->points * pt_dtype_size(step->in[0].dtype);
	return true;
}

static void *
product_address(const PtStep *step)
{
	const PtOperand *out = &step->out[0];

	if (!fits_output(step))
		return step->scratch;
	for (int i = step->nin - step->nepilogue; i < step->nin; i++)
		if (overlap(out->data, pt_cuda_operand_bytes(out), step->in[i].data,
					pt_cuda_operand_bytes(&step->in[i])))
			return step->scratch;
	return out->data;
}

/* The next so many bytes of the device's workspace: those of products bound one after the other do not overlap. */
static void *
take_workspace(PtCudaBlas *blas, size_t bytes)
{
	size_t at = (blas->taken + WORKSPACE_ALIGN - 1) & ~(WORKSPACE_ALIGN - 1);

	if (at + bytes > WORKSPACE_BYTES)
		at = 0;
	blas->taken = at + bytes;
	return blas->workspace + at;
}

/* bias: where it lies, if not where p has it */
static bool
add_product(PtCudaBind *b, const PtStep *step, const PtCudaProduct *p, const void *bias,
			const Lt *lt)
{
	ProductTask *t = pt_cuda_task(b, step, sizeof(ProductTask), launch_product);
	size_t size = pt_dtype_size(p->dtype), column = (size_t) p->n * size;

	if (t == NULL)
		return false;
	t->blas = b->dev->blas;
	t->p = *p;
	t->workspace = take_workspace(t->blas, lt->workspace);
	if (bias != p->bias)
	{
		t->bias = bias;
		t->bias_bytes = column;
	}
	if (!pt_cuda_use_operand(b, &t->task, &step->in[0], false) ||
		!pt_cuda_use_operand(b, &t->task, &step->in[1], false) ||
		!pt_cuda_use(b, &t->task, p->c, (size_t) p->batch * (size_t) p->m * column, true) ||
		!pt_cuda_use(b, &t->task, t->workspace, lt->workspace, true) ||
		(bias != NULL && !pt_cuda_use(b, &t->task, bias, column, false)) ||
		(t->bias != NULL && !pt_cuda_use(b, &t->task, p->bias, column, true)) ||
		(p->bias_gradient != NULL &&
		 !pt_cuda_use(b, &t->task, p->bias_gradient, (size_t) p->m * size, true)))
		return false;
	/* from here on the task's */
	t->lt = *lt;
	t->task.release = release_product;
	return true;
}

static bool
bind_product(PtCudaBind *b, PtStep *step, PtCudaProduct *p)
{
	const void *bias = p->bias;
	int sum = -1;
	Lt lt;

	if (p->m == 0 || p->n == 0 || p->batch == 0)
		return true;
	p->dtype = step->in[0].dtype;
	p->a = step->in[0].data;
	p->b = step->in[1].data;
	p->c = product_address(step);
	if ((uintptr_t) bias % VECTOR_ALIGN != 0 &&
		(uint64_t) p->n <= VECTOR_BYTES / pt_dtype_size(p->dtype))
		p->bias = (char *) b->dev->blas->workspace + WORKSPACE_BYTES;
	p->relu = fuses_relu(b->dev, step);
	if (p->ta && !p->tb && p->batch == 1 && p->bias == NULL && !p->relu)
		sum = find_bias_gradient(b, step);
	if (sum >= 0)
	{
		p->bias_gradient = b->queue->steps[sum].out[0].data;
		if (plan_lt(b->dev, &lt, p))
		{
			b->done_elsewhere[sum] = true;
			goto product;
		}
		p->bias_gradient = NULL;
	}
	if (plan_lt(b->dev, &lt, p))
		goto product;
	if (p->relu)
	{
		p->relu = false;
		if (plan_lt(b->dev, &lt, p))
			goto product;
	}
	p->bias = bias;
	if (!pt_cuda_add_simple_product(b, step, p))
		return false;
	goto epilogue;
product:
	if (!add_product(b, step, p, bias, &lt))
	{
		free_lt(&lt);
		return false;
	}
epilogue:
	return step->epilogue == NULL || p->relu ||
		   pt_cuda_add_program(b, step, step->epilogue, step->in + step->nin - step->nepilogue,
							   p->c, step->out);
}

static bool
bind_mm(PtCudaBind *b, PtStep *step)
{
	const PtShape *sa = &step->in[0].shape, *sb = &step->in[1].shape;
	int n = sa->ndim;
	PtCudaProduct p = {.ta = pt_args_bool(step->attrs, "ta"),
					   .tb = pt_args_bool(step->attrs, "tb"),
					   .batch = 1};

	p.m = p.ta ? sa->dim[n - 1] : sa->dim[n - 2];
	p.k = p.ta ? sa->dim[n - 2] : sa->dim[n - 1];
	p.n = p.tb ? sb->dim[n - 2] : sb->dim[n - 1];
	if (n == 3)
	{
		p.batch = sa->dim[0] > sb->dim[0] ? sa->dim[0] : sb->dim[0];
		if (sa->dim[0] == 0 || sb->dim[0] == 0)
			p.batch = 0;
		p.batch_a = sa->dim[0] == 1 ? 0 : p.m * p.k;
		p.batch_b = sb->dim[0] == 1 ? 0 : p.k * p.n;
		/* one matrix B for all: the batch is only more rows */
		if (p.batch_b == 0 && !p.ta && p.batch_a != 0)
		{
			p.m *= p.batch;
			p.batch = 1;
		}
	}
	return bind_product(b, step, &p);
}

static bool
bind_linear(PtCudaBind *b, PtStep *step)
{
	const PtShape *x = &step->in[0].shape, *w = &step->in[1].shape;
	PtCudaProduct p = {.tb = true, .m = 1, .n = w->dim[0], .k = w->dim[1], .batch = 1};

	for (int i = 0; i < x->ndim - 1; i++)
		p.m *= x->dim[i];
	if (step->nin - step->nepilogue > 2 && step->in[2].dtype != PT_NDTYPE)
		p.bias = step->in[2].data;
	return bind_product(b, step, &p);
}

PT_CUDA_KERNELS(matmul) = {
	{"mm", prepare_matmul, bind_mm, 0, true},
	{"linear", prepare_matmul, bind_linear, 0, true},
	{0},
};
