/*
 * cublaslt.cc
 *	  cuBLASLt for the emulated GPU: checks as the library does, and computes slowly.
 *
 * D = act(alpha op(A) op(B) + beta C + bias), matrices in columns unless their order says rows.
 * Products are added up in double, rounded once to the scale's type, in which the rest is
 * computed.
 *
 * The heuristics offer two algorithms (with a workspace, if one is allowed, and without), bound
 * to the problem that was asked for: with other shapes, an epilogue or pointers less aligned than
 * promised the product is refused.  Not offered, so that callers need their other ways: epilogues
 * in float64 and with D in rows, those with an auxiliary matrix.  A NaN goes through relu; with
 * CUDA_EMULATOR_RELU=max it becomes 0.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <vector>

#include "cublasLt.h"
#include "emulator.h"
#include "engine/data/half.h"

#define WORKSPACE 65536 /* of the first algorithm */
#define VERSION 130100

struct cublasLtContext
{
	int nothing;
};

struct cublasLtMatmulDescOpaque_t
{
	cublasComputeType_t compute;
	cudaDataType_t scale;
	int32_t pointer_mode, transa, transb, transc;
	uint32_t epilogue;
	void *bias;
	int64_t bias_stride;
	int32_t bias_type; /* -1: D's */
};

struct cublasLtMatrixLayoutOpaque_t
{
	uint32_t type;
	int32_t order, batch;
	uint64_t rows, cols;
	int64_t ld, stride;
};

struct cublasLtMatmulPreferenceOpaque_t
{
	uint32_t search, reduction, align[4]; /* of a, b, c, d */
	uint64_t workspace;
};

typedef cublasLtMatmulDescOpaque_t Desc;
typedef cublasLtMatrixLayoutOpaque_t Layout;
typedef cublasLtMatmulPreferenceOpaque_t Preference;

#define ENTER(otherwise)                                     \
	do                                                       \
	{                                                        \
		int error_;                                          \
                                                             \
		if (pt_emulator_fails(__func__, otherwise, &error_)) \
			return static_cast<cublasStatus_t>(error_);      \
	} while (0)

/* ---------- objects ---------- */

size_t
cublasLtGetVersion(void)
{
	return VERSION;
}

cublasStatus_t
cublasLtCreate(cublasLtHandle_t *handle)
{
	ENTER(CUBLAS_STATUS_NOT_INITIALIZED);
	if (pt_emulator_enter("cublasLtCreate", cudaErrorUnknown) != cudaSuccess)
		return CUBLAS_STATUS_NOT_INITIALIZED;
	*handle = new cublasLtContext();
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtDestroy(cublasLtHandle_t handle)
{
	if (handle == NULL)
		return CUBLAS_STATUS_NOT_INITIALIZED;
	delete handle;
	return CUBLAS_STATUS_SUCCESS;
}

template <class T>
static cublasStatus_t
set(T *field, const void *value, size_t size)
{
	if (value == NULL || size != sizeof(T))
		return CUBLAS_STATUS_INVALID_VALUE;
	memcpy(field, value, size);
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute,
						 cudaDataType_t scale)
{
	ENTER(CUBLAS_STATUS_ALLOC_FAILED);
	*desc = new Desc{compute, scale, 0, 0, 0, 0, CUBLASLT_EPILOGUE_DEFAULT, NULL, 0, -1};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc)
{
	delete desc;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t attr,
							   const void *value, size_t size)
{
	ENTER(CUBLAS_STATUS_INVALID_VALUE);
	switch (attr)
	{
		case CUBLASLT_MATMUL_DESC_POINTER_MODE:
			return set(&d->pointer_mode, value, size);
		case CUBLASLT_MATMUL_DESC_TRANSA:
			return set(&d->transa, value, size);
		case CUBLASLT_MATMUL_DESC_TRANSB:
			return set(&d->transb, value, size);
		case CUBLASLT_MATMUL_DESC_TRANSC:
			return set(&d->transc, value, size);
		case CUBLASLT_MATMUL_DESC_EPILOGUE:
			return set(&d->epilogue, value, size);
		case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
			return set(&d->bias, value, size);
		case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
			return set(&d->bias_stride, value, size);
		case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
			return set(&d->bias_type, value, size);
		default:
			return CUBLAS_STATUS_INVALID_VALUE;
	}
}

cublasStatus_t
cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType type, uint64_t rows,
						   uint64_t cols, int64_t ld)
{
	ENTER(CUBLAS_STATUS_ALLOC_FAILED);
	*layout = new Layout{(uint32_t) type, CUBLASLT_ORDER_COL, 1, rows, cols, ld, 0};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
	delete layout;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l, cublasLtMatrixLayoutAttribute_t attr,
								 const void *value, size_t size)
{
	ENTER(CUBLAS_STATUS_INVALID_VALUE);
	switch (attr)
	{
		case CUBLASLT_MATRIX_LAYOUT_TYPE:
			return set(&l->type, value, size);
		case CUBLASLT_MATRIX_LAYOUT_ORDER:
			return set(&l->order, value, size);
		case CUBLASLT_MATRIX_LAYOUT_ROWS:
			return set(&l->rows, value, size);
		case CUBLASLT_MATRIX_LAYOUT_COLS:
			return set(&l->cols, value, size);
		case CUBLASLT_MATRIX_LAYOUT_LD:
			return set(&l->ld, value, size);
		case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
			return set(&l->batch, value, size);
		case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
			return set(&l->stride, value, size);
		default:
			return CUBLAS_STATUS_INVALID_VALUE;
	}
}

cublasStatus_t
cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *pref)
{
	ENTER(CUBLAS_STATUS_ALLOC_FAILED);
	*pref = new Preference{0, CUBLASLT_REDUCTION_SCHEME_MASK, {256, 256, 256, 256}, 0};
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t pref)
{
	delete pref;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
									 cublasLtMatmulPreferenceAttributes_t attr, const void *value,
									 size_t size)
{
	ENTER(CUBLAS_STATUS_INVALID_VALUE);
	switch (attr)
	{
		case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
			return set(&p->search, value, size);
		case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
			return set(&p->workspace, value, size);
		case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
			return set(&p->reduction, value, size);
		case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
		case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
		case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
		case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
			return set(&p->align[attr - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, size);
		default:
			return CUBLAS_STATUS_INVALID_VALUE;
	}
}

/* ---------- is this a product, and one that there is a kernel for? ---------- */

static size_t
size_of(uint32_t type)
{
	return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2;
}

static bool
known_type(uint32_t type)
{
	return type == CUDA_R_32F || type == CUDA_R_64F || type == CUDA_R_16F || type == CUDA_R_16BF;
}

static bool
has_bias(uint32_t epilogue)
{
	return epilogue < 128 && (epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
}

static bool
has_vector(uint32_t epilogue)
{
	return has_bias(epilogue) || epilogue == CUBLASLT_EPILOGUE_BGRADA ||
		   epilogue == CUBLASLT_EPILOGUE_BGRADB;
}

static bool
valid_layout(const Layout *l)
{
	return known_type(l->type) && l->rows > 0 && l->cols > 0 && l->rows <= INT32_MAX &&
		   l->cols <= INT32_MAX &&
		   (l->order == CUBLASLT_ORDER_COL || l->order == CUBLASLT_ORDER_ROW) &&
		   l->ld >= (int64_t) (l->order == CUBLASLT_ORDER_COL ? l->rows : l->cols) && l->batch >= 1;
}

static cublasStatus_t
check(const Desc *t, const Layout *a, const Layout *b, const Layout *c, const Layout *d)
{
	const uint32_t known[] = {1, 2, 4, 6, 32, 36, 130, 134, 136, 152, 160, 164, 192, 208, 256, 512};
	bool epilogue = false, f64, f32, half;

	if (t == NULL || a == NULL || b == NULL || c == NULL || d == NULL || !valid_layout(a) ||
		!valid_layout(b) || !valid_layout(c) || !valid_layout(d))
		return CUBLAS_STATUS_INVALID_VALUE;
	for (uint32_t e : known)
		epilogue = epilogue || e == t->epilogue;
	if (!epilogue || t->transa < 0 || t->transa > 2 || t->transb < 0 || t->transb > 2 ||
		t->transc != CUBLAS_OP_N || t->pointer_mode < 0 || t->pointer_mode > 1)
		return CUBLAS_STATUS_INVALID_VALUE;
	if ((t->transa != 0 ? a->cols : a->rows) != d->rows ||
		(t->transb != 0 ? b->rows : b->cols) != d->cols ||
		(t->transa != 0 ? a->rows : a->cols) != (t->transb != 0 ? b->cols : b->rows) ||
		c->rows != d->rows || c->cols != d->cols || c->type != d->type || c->order != d->order ||
		a->batch != d->batch || b->batch != d->batch || c->batch != d->batch)
		return CUBLAS_STATUS_INVALID_VALUE;
	f64 = t->scale == CUDA_R_64F &&
		  (t->compute == CUBLAS_COMPUTE_64F || t->compute == CUBLAS_COMPUTE_64F_PEDANTIC) &&
		  a->type == CUDA_R_64F && b->type == CUDA_R_64F && d->type == CUDA_R_64F;
	f32 = t->scale == CUDA_R_32F &&
		  (t->compute == CUBLAS_COMPUTE_32F || t->compute == CUBLAS_COMPUTE_32F_PEDANTIC ||
		   t->compute == CUBLAS_COMPUTE_32F_FAST_TF32) &&
		  a->type == CUDA_R_32F && b->type == CUDA_R_32F && d->type == CUDA_R_32F;
	half = t->scale == CUDA_R_32F &&
		   (t->compute == CUBLAS_COMPUTE_32F || t->compute == CUBLAS_COMPUTE_32F_PEDANTIC) &&
		   a->type == b->type && size_of(a->type) == 2 &&
		   (d->type == a->type || d->type == CUDA_R_32F);
	if (!f64 && !f32 && !half)
		return CUBLAS_STATUS_NOT_SUPPORTED;
	if (t->pointer_mode != CUBLASLT_POINTER_MODE_HOST)
		return CUBLAS_STATUS_NOT_SUPPORTED;
	if (t->epilogue != CUBLASLT_EPILOGUE_DEFAULT &&
		(f64 || d->order != CUBLASLT_ORDER_COL || (t->epilogue & 128) != 0 ||
		 (has_vector(t->epilogue) && t->bias_type != -1 && (uint32_t) t->bias_type != d->type)))
		return CUBLAS_STATUS_NOT_SUPPORTED;
	return CUBLAS_STATUS_SUCCESS;
}

/* A number for all that an algorithm depends on. */
static uint64_t
problem(const Desc *t, const Layout *a, const Layout *b, const Layout *c, const Layout *d)
{
	uint64_t hash = 14695981039346656037u;
	auto add = [&](uint64_t x) { hash = (hash ^ x) * 1099511628211u; };

	add(t->compute);
	add(t->scale);
	add((uint64_t) (t->transa * 4 + t->transb));
	add(t->epilogue);
	for (const Layout *l : {a, b, c, d})
	{
		add(l->type);
		add((uint64_t) l->order);
		add((uint64_t) l->batch);
		add(l->rows);
		add(l->cols);
		add((uint64_t) l->ld);
		add((uint64_t) l->stride);
	}
	return hash;
}

cublasStatus_t
cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
							   cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
							   cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
							   cublasLtMatmulPreference_t pref, int wanted,
							   cublasLtMatmulHeuristicResult_t *results, int *found)
{
	cublasStatus_t status = check(desc, a, b, c, d);
	const Layout *layouts[] = {a, b, c, d};

	if (found != NULL)
		*found = 0;
	if (handle == NULL)
		return CUBLAS_STATUS_NOT_INITIALIZED;
	ENTER(CUBLAS_STATUS_NOT_SUPPORTED);
	if (wanted <= 0 || results == NULL || found == NULL || pref == NULL)
		return CUBLAS_STATUS_INVALID_VALUE;
	if (status != CUBLAS_STATUS_SUCCESS)
		return status;
	for (int i = 0; i < 4; i++)
		if (pref->align[i] < size_of(layouts[i]->type) ||
			(pref->align[i] & (pref->align[i] - 1)) != 0)
			return CUBLAS_STATUS_NOT_SUPPORTED;
	for (uint64_t workspace : {(uint64_t) WORKSPACE, (uint64_t) 0})
		if (*found < wanted && workspace <= pref->workspace)
		{
			cublasLtMatmulHeuristicResult_t *r = &results[(*found)++];

			memset(r, 0, sizeof(*r));
			r->state = CUBLAS_STATUS_SUCCESS;
			r->wavesCount = 1;
			r->workspaceSize = r->algo.data[2] = workspace;
			r->algo.data[0] = problem(desc, a, b, c, d);
			for (int i = 0; i < 4; i++)
				r->algo.data[1] |= (uint64_t) (pref->align[i] < 16 ? pref->align[i] : 16) << 16 * i;
		}
	return CUBLAS_STATUS_SUCCESS;
}

/* ---------- the product ---------- */

static double
load(const void *p, uint32_t type, int64_t i)
{
	switch (type)
	{
		case CUDA_R_64F:
			return static_cast<const double *>(p)[i];
		case CUDA_R_32F:
			return static_cast<const float *>(p)[i];
		case CUDA_R_16F:
			return pt_half_load(static_cast<const uint16_t *>(p)[i]);
		default:
			return pt_bfloat_load(static_cast<const uint16_t *>(p)[i]);
	}
}

static void
store(void *p, uint32_t type, int64_t i, double x)
{
	switch (type)
	{
		case CUDA_R_64F:
			static_cast<double *>(p)[i] = x;
			break;
		case CUDA_R_32F:
			static_cast<float *>(p)[i] = (float) x;
			break;
		case CUDA_R_16F:
			static_cast<uint16_t *>(p)[i] = pt_half_store((float) x);
			break;
		default:
			static_cast<uint16_t *>(p)[i] = pt_bfloat_store((float) x);
			break;
	}
}

/* Of float32: 10 bits of fraction, nearest, ties away from 0. */
static double
round_tf32(double x)
{
	uint32_t bits = pt_float_bits((float) x);

	if ((bits & 0x7f800000) == 0x7f800000)
		return x;
	return pt_bits_float((bits + 0x1000) & ~0x1fffu);
}

static int64_t
place(const Layout *l, int64_t row, int64_t col, int64_t batch)
{
	return batch * l->stride +
		   (l->order == CUBLASLT_ORDER_COL ? row + col * l->ld : col + row * l->ld);
}

/* The memory from the first to behind the last element; strides are not negative. */
static size_t
extent(const Layout *l)
{
	return (size_t) (place(l, (int64_t) l->rows - 1, (int64_t) l->cols - 1, l->batch - 1) + 1) *
		   size_of(l->type);
}

/* One batch of op(M), k of each row (or column) side by side. */
static std::vector<double>
gather(const void *p, const Layout *l, bool k_is_row, int64_t batch, bool tf32)
{
	int64_t n = (int64_t) (k_is_row ? l->cols : l->rows),
			k = (int64_t) (k_is_row ? l->rows : l->cols);
	std::vector<double> out((size_t) (n * k));

	for (int64_t i = 0; i < n; i++)
		for (int64_t j = 0; j < k; j++)
		{
			double x = load(p, l->type, k_is_row ? place(l, j, i, batch) : place(l, i, j, batch));

			out[(size_t) (i * k + j)] = tf32 ? round_tf32(x) : x;
		}
	return out;
}

struct Product
{
	Desc t;
	Layout al, bl, cl, dl;
	const void *a, *b, *c;
	void *d, *workspace;
	size_t workspace_size;
	double alpha, beta;
};

static double
activate(uint32_t epilogue, double x)
{
	if (epilogue >= 128)
		return x;
	if (epilogue & CUBLASLT_EPILOGUE_RELU)
	{
		const char *relu = getenv("CUDA_EMULATOR_RELU");

		return isnan(x) ? (relu != NULL && strcmp(relu, "max") == 0 ? 0 : x) : x > 0 ? x : 0;
	}
	if (epilogue & CUBLASLT_EPILOGUE_GELU)
		return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
	return x;
}

static void
multiply(const Product &p, int64_t batch)
{
	const Desc *t = &p.t;
	int64_t m = (int64_t) p.dl.rows, n = (int64_t) p.dl.cols,
			k = (int64_t) (t->transa ? p.al.rows : p.al.cols);
	bool tf32 = t->compute == CUBLAS_COMPUTE_32F_FAST_TF32, single = t->scale == CUDA_R_32F;
	std::vector<double> a = gather(p.a, &p.al, t->transa != 0, batch, tf32);
	std::vector<double> b = gather(p.b, &p.bl, t->transb == 0, batch, tf32);
	uint32_t vector_type = p.dl.type;
	auto rounded = [&](double x) { return single ? (double) (float) x : x; };

	for (int64_t j = 0; j < n; j++)
		for (int64_t i = 0; i < m; i++)
		{
			const double *x = &a[(size_t) (i * k)], *y = &b[(size_t) (j * k)];
			double sum = 0;

			for (int64_t l = 0; l < k; l++)
				sum += x[l] * y[l];
			sum = rounded(p.alpha * rounded(sum));
			if (p.beta != 0)
				sum = rounded(sum +
							  rounded(p.beta * load(p.c, p.cl.type, place(&p.cl, i, j, batch))));
			if (has_bias(t->epilogue))
				sum = rounded(sum + load(t->bias, vector_type, batch * t->bias_stride + i));
			store(p.d, p.dl.type, place(&p.dl, i, j, batch), activate(t->epilogue, sum));
		}
	if (t->epilogue == CUBLASLT_EPILOGUE_BGRADA || t->epilogue == CUBLASLT_EPILOGUE_BGRADB)
	{
		bool of_a = t->epilogue == CUBLASLT_EPILOGUE_BGRADA;
		/* what is added up are the elements themselves, not those rounded for the product */
		std::vector<double> v = of_a ? gather(p.a, &p.al, t->transa != 0, batch, false)
									 : gather(p.b, &p.bl, t->transb == 0, batch, false);

		for (int64_t i = 0; i < (of_a ? m : n); i++)
		{
			double sum = 0;

			for (int64_t l = 0; l < k; l++)
				sum += v[(size_t) (i * k + l)];
			store(t->bias, vector_type, batch * t->bias_stride + i, sum);
		}
	}
}

static cudaError_t
run(const Product &p)
{
	const uint32_t e = p.t.epilogue;
	size_t length = e == CUBLASLT_EPILOGUE_BGRADB ? p.dl.cols : p.dl.rows;

	length = (length + (size_t) ((p.dl.batch - 1) * p.t.bias_stride)) * size_of(p.dl.type);
	if (!pt_emulator_on_device(p.a, extent(&p.al)) || !pt_emulator_on_device(p.b, extent(&p.bl)) ||
		(p.beta != 0 && !pt_emulator_on_device(p.c, extent(&p.cl))) ||
		!pt_emulator_on_device(p.d, extent(&p.dl)) ||
		(has_vector(e) && !pt_emulator_on_device(p.t.bias, length)) ||
		(p.workspace_size > 0 && !pt_emulator_on_device(p.workspace, p.workspace_size)))
	{
		fprintf(
			stderr,
			"cuda emulator: cublasLtMatmul: an operand or the workspace does not lie on the device\n");
		return cudaErrorIllegalAddress;
	}
	if (p.workspace_size > 0)
		memset(p.workspace, 0xff, p.workspace_size);
	for (int64_t batch = 0; batch < p.dl.batch; batch++)
		multiply(p, batch);
	return cudaSuccess;
}

static bool
overlap(const void *p, const Layout *l, const void *q, const Layout *m)
{
	uintptr_t a = reinterpret_cast<uintptr_t>(p), b = reinterpret_cast<uintptr_t>(q);

	return a < b + extent(m) && b < a + extent(l);
}

cublasStatus_t
cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,
			   cublasLtMatrixLayout_t al, const void *b, cublasLtMatrixLayout_t bl,
			   const void *beta, const void *c, cublasLtMatrixLayout_t cl, void *d,
			   cublasLtMatrixLayout_t dl, const cublasLtMatmulAlgo_t *algo, void *workspace,
			   size_t workspace_size, cudaStream_t stream)
{
	cublasStatus_t status = check(desc, al, bl, cl, dl);
	const void *pointers[] = {a, b, c, d};
	const Layout *layouts[] = {al, bl, cl, dl};
	size_t needed = algo != NULL ? algo->data[2] : 0;
	Product p;

	if (handle == NULL)
		return CUBLAS_STATUS_NOT_INITIALIZED;
	ENTER(CUBLAS_STATUS_EXECUTION_FAILED);
	if (status != CUBLAS_STATUS_SUCCESS)
		return status;
	if (alpha == NULL || beta == NULL)
		return CUBLAS_STATUS_INVALID_VALUE;
	p = {*desc,
		 *al,
		 *bl,
		 *cl,
		 *dl,
		 a,
		 b,
		 c,
		 d,
		 workspace,
		 needed,
		 load(alpha, desc->scale, 0),
		 load(beta, desc->scale, 0)};
	if (a == NULL || b == NULL || d == NULL || (c == NULL && p.beta != 0) ||
		(has_vector(desc->epilogue) && desc->bias == NULL))
		return CUBLAS_STATUS_INVALID_VALUE;
	if (algo != NULL && algo->data[0] != problem(desc, al, bl, cl, dl))
		return CUBLAS_STATUS_NOT_SUPPORTED;
	for (int i = 0; i < 4; i++)
		if (reinterpret_cast<uintptr_t>(pointers[i]) %
				(algo != NULL ? algo->data[1] >> 16 * i & 0xffff : size_of(layouts[i]->type)) !=
			0)
			return CUBLAS_STATUS_NOT_SUPPORTED;
	if (workspace_size < needed ||
		(needed > 0 && reinterpret_cast<uintptr_t>(workspace) % 256 != 0))
		return CUBLAS_STATUS_INVALID_VALUE;
	if (overlap(d, dl, a, al) || overlap(d, dl, b, bl))
	{
		fprintf(stderr, "cuda emulator: cublasLtMatmul: D overlaps A or B\n");
		return CUBLAS_STATUS_INVALID_VALUE;
	}
	if (pt_emulator_enter("cublasLtMatmul launch", cudaErrorUnknown) != cudaSuccess ||
		pt_emulator_add(stream, [=] { return run(p); }) != cudaSuccess)
		return CUBLAS_STATUS_EXECUTION_FAILED;
	return CUBLAS_STATUS_SUCCESS;
}
