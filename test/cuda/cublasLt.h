/*
 * cublasLt.h
 *	  The part of cuBLASLt that the device uses, for the emulated GPU (README.md).
 */
#ifndef PT_EMULATOR_CUBLASLT_H
#define PT_EMULATOR_CUBLASLT_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C"
{
#endif

	typedef enum
	{
		CUBLAS_STATUS_SUCCESS = 0,
		CUBLAS_STATUS_NOT_INITIALIZED = 1,
		CUBLAS_STATUS_ALLOC_FAILED = 3,
		CUBLAS_STATUS_INVALID_VALUE = 7,
		CUBLAS_STATUS_ARCH_MISMATCH = 8,
		CUBLAS_STATUS_MAPPING_ERROR = 11,
		CUBLAS_STATUS_EXECUTION_FAILED = 13,
		CUBLAS_STATUS_INTERNAL_ERROR = 14,
		CUBLAS_STATUS_NOT_SUPPORTED = 15
	} cublasStatus_t;

	typedef enum
	{
		CUBLAS_OP_N = 0,
		CUBLAS_OP_T = 1,
		CUBLAS_OP_C = 2
	} cublasOperation_t;

	typedef enum
	{
		CUDA_R_32F = 0,
		CUDA_R_64F = 1,
		CUDA_R_16F = 2,
		CUDA_R_16BF = 14
	} cudaDataType;
	typedef cudaDataType cudaDataType_t;

	typedef enum
	{
		CUBLAS_COMPUTE_16F = 64,
		CUBLAS_COMPUTE_32F = 68,
		CUBLAS_COMPUTE_32F_PEDANTIC = 69,
		CUBLAS_COMPUTE_64F = 70,
		CUBLAS_COMPUTE_64F_PEDANTIC = 71,
		CUBLAS_COMPUTE_32F_FAST_16F = 74,
		CUBLAS_COMPUTE_32F_FAST_16BF = 75,
		CUBLAS_COMPUTE_32F_FAST_TF32 = 77
	} cublasComputeType_t;

	typedef enum
	{
		CUBLASLT_ORDER_COL = 0,
		CUBLASLT_ORDER_ROW = 1
	} cublasLtOrder_t;

	typedef enum
	{
		CUBLASLT_POINTER_MODE_HOST = 0,
		CUBLASLT_POINTER_MODE_DEVICE = 1
	} cublasLtPointerMode_t;

	typedef enum
	{
		CUBLASLT_EPILOGUE_DEFAULT = 1,
		CUBLASLT_EPILOGUE_RELU = 2,
		CUBLASLT_EPILOGUE_BIAS = 4,
		CUBLASLT_EPILOGUE_RELU_BIAS = 6,
		CUBLASLT_EPILOGUE_GELU = 32,
		CUBLASLT_EPILOGUE_GELU_BIAS = 36,
		CUBLASLT_EPILOGUE_RELU_AUX = 130,
		CUBLASLT_EPILOGUE_RELU_AUX_BIAS = 134,
		CUBLASLT_EPILOGUE_DRELU = 136,
		CUBLASLT_EPILOGUE_DRELU_BGRAD = 152,
		CUBLASLT_EPILOGUE_GELU_AUX = 160,
		CUBLASLT_EPILOGUE_GELU_AUX_BIAS = 164,
		CUBLASLT_EPILOGUE_DGELU = 192,
		CUBLASLT_EPILOGUE_DGELU_BGRAD = 208,
		CUBLASLT_EPILOGUE_BGRADA = 256,
		CUBLASLT_EPILOGUE_BGRADB = 512
	} cublasLtEpilogue_t;

	typedef enum
	{
		CUBLASLT_MATMUL_DESC_COMPUTE_TYPE = 0,
		CUBLASLT_MATMUL_DESC_SCALE_TYPE = 1,
		CUBLASLT_MATMUL_DESC_POINTER_MODE = 2,
		CUBLASLT_MATMUL_DESC_TRANSA = 3,
		CUBLASLT_MATMUL_DESC_TRANSB = 4,
		CUBLASLT_MATMUL_DESC_TRANSC = 5,
		CUBLASLT_MATMUL_DESC_EPILOGUE = 7,
		CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8,
		CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE = 10,
		CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE = 26
	} cublasLtMatmulDescAttributes_t;

	typedef enum
	{
		CUBLASLT_MATRIX_LAYOUT_TYPE = 0,
		CUBLASLT_MATRIX_LAYOUT_ORDER = 1,
		CUBLASLT_MATRIX_LAYOUT_ROWS = 2,
		CUBLASLT_MATRIX_LAYOUT_COLS = 3,
		CUBLASLT_MATRIX_LAYOUT_LD = 4,
		CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5,
		CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6
	} cublasLtMatrixLayoutAttribute_t;

	typedef enum
	{
		CUBLASLT_REDUCTION_SCHEME_NONE = 0,
		CUBLASLT_REDUCTION_SCHEME_INPLACE = 1,
		CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2,
		CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE = 4,
		CUBLASLT_REDUCTION_SCHEME_MASK = 7
	} cublasLtReductionScheme_t;

	typedef enum
	{
		CUBLASLT_MATMUL_PREF_SEARCH_MODE = 0,
		CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,
		CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8
	} cublasLtMatmulPreferenceAttributes_t;

	typedef struct cublasLtContext *cublasLtHandle_t;
	typedef struct cublasLtMatmulDescOpaque_t *cublasLtMatmulDesc_t;
	typedef struct cublasLtMatrixLayoutOpaque_t *cublasLtMatrixLayout_t;
	typedef struct cublasLtMatmulPreferenceOpaque_t *cublasLtMatmulPreference_t;

	typedef struct
	{
		uint64_t data[8];
	} cublasLtMatmulAlgo_t;

	typedef struct
	{
		cublasLtMatmulAlgo_t algo;
		size_t workspaceSize;
		cublasStatus_t state;
		float wavesCount;
		int reserved[4];
	} cublasLtMatmulHeuristicResult_t;

	extern cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle);
	extern cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle);
	extern size_t cublasLtGetVersion(void);

	extern cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc,
												   cublasComputeType_t compute,
												   cudaDataType_t scale);
	extern cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc);
	extern cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
														 cublasLtMatmulDescAttributes_t attr,
														 const void *value, size_t size);

	extern cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout,
													 cudaDataType type, uint64_t rows,
													 uint64_t cols, int64_t ld);
	extern cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout);
	extern cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
														   cublasLtMatrixLayoutAttribute_t attr,
														   const void *value, size_t size);

	extern cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *pref);
	extern cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t pref);
	extern cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
		cublasLtMatmulPreference_t pref, cublasLtMatmulPreferenceAttributes_t attr,
		const void *value, size_t size);

	extern cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
		cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
		cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
		cublasLtMatmulPreference_t pref, int wanted, cublasLtMatmulHeuristicResult_t *results,
		int *found);
	extern cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
										 const void *alpha, const void *a,
										 cublasLtMatrixLayout_t a_layout, const void *b,
										 cublasLtMatrixLayout_t b_layout, const void *beta,
										 const void *c, cublasLtMatrixLayout_t c_layout, void *d,
										 cublasLtMatrixLayout_t d_layout,
										 const cublasLtMatmulAlgo_t *algo, void *workspace,
										 size_t workspace_size, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
