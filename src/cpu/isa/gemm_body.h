/*
 * gemm_body.h
 *	  The matrix product for one element type T; included by gemm.c for float and double.
 */

#define LANES ((size_t) (BYTES / sizeof(T)))
#define NR (2 * LANES)

/* aligned(sizeof(T)): loads and stores need no alignment */
typedef T NAME(Vec) __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));
#define VEC NAME(Vec)
#define LOAD(p) (*(const VEC *) (p))

typedef void (*NAME(Kernel))(size_t k, const T *a, size_t row, size_t col, const T *b, size_t ldb,
							 T *c, size_t ldc, const T *bias, bool accumulate);

#define DECLARE(i, g, r) VEC c##i##_0, c##i##_1;
#define START_C(i, g, r)           \
	c##i##_0 = LOAD(c + (i) *ldc); \
	c##i##_1 = LOAD(c + (i) *ldc + LANES);
#define START_BIAS(i, g, r) \
	c##i##_0 = b0;          \
	c##i##_1 = b1;
#define STEP(i, g, r)         \
	{                         \
		T x = a##g[(r) *row]; \
                              \
		c##i##_0 += x * b0;   \
		c##i##_1 += x * b1;   \
	}
#define FINISH(i, g, r)                 \
	*(VEC *) (c + (i) *ldc) = c##i##_0; \
	*(VEC *) (c + (i) *ldc + LANES) = c##i##_1;

/* c[0..rows)[0..NR) = a[0..rows)[0..k) b[0..k)[0..NR); a's elements are row and col apart */
#define KERNEL(rows)                                                                               \
	static void GLUE(NAME(kernel), rows)(size_t k, const T *a, size_t row, size_t col, const T *b, \
										 size_t ldb, T *c, size_t ldc, const T *bias,              \
										 bool accumulate)                                          \
	{                                                                                              \
		VEC b0 = {0}, b1 = {0};                                                                    \
		const T *a0 = a, *a1 = a + 4 * row, *a2 = a + 8 * row;                                     \
		GLUE(ROWS, rows)                                                                           \
		(DECLARE)                                                                                  \
                                                                                                   \
			(void) a1;                                                                             \
		(void) a2;                                                                                 \
		if (accumulate)                                                                            \
		{                                                                                          \
			GLUE(ROWS, rows)(START_C)                                                              \
		}                                                                                          \
		else                                                                                       \
		{                                                                                          \
			if (bias != NULL)                                                                      \
			{                                                                                      \
				b0 = LOAD(bias);                                                                   \
				b1 = LOAD(bias + LANES);                                                           \
			}                                                                                      \
			GLUE(ROWS, rows)(START_BIAS)                                                           \
		}                                                                                          \
		for (; k > 0; k--)                                                                         \
		{                                                                                          \
			b0 = LOAD(b);                                                                          \
			b1 = LOAD(b + LANES);                                                                  \
			GLUE(ROWS, rows)(STEP) b += ldb;                                                       \
			a0 += col;                                                                             \
			if ((rows) > 4)                                                                        \
				a1 += col;                                                                         \
			if ((rows) > 8)                                                                        \
				a2 += col;                                                                         \
		}                                                                                          \
		GLUE(ROWS, rows)(FINISH)                                                                   \
	}
EACH_KERNEL(KERNEL)

#define KERNEL_ENTRY(rows) GLUE(NAME(kernel), rows),
static const NAME(Kernel) NAME(kernels)[] = {NULL, EACH_KERNEL(KERNEL_ENTRY)};

/* An 8 x 8 block of floats, rows src_ld apart, to columns dst_ld apart. */
#if defined(FOLD_LANES) && !defined(TRANSPOSE_8)
#define TRANSPOSE_8
#define LOW(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(x, y) __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW2(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH2(x, y) __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)
#define LEFT(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11)
#define RIGHT(x, y) __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15)
typedef float Eight __attribute__((vector_size(32), aligned(4), may_alias));

static inline void
transpose_8(float *dst, size_t dst_ld, const float *src, size_t src_ld)
{
#define ROW(i) (*(const Eight *) (src + (i) *src_ld))
#define PUT(i, v) *(Eight *) (dst + (i) *dst_ld) = (v)
	Eight a0 = LOW(ROW(0), ROW(1)), a1 = HIGH(ROW(0), ROW(1));
	Eight a2 = LOW(ROW(2), ROW(3)), a3 = HIGH(ROW(2), ROW(3));
	Eight a4 = LOW(ROW(4), ROW(5)), a5 = HIGH(ROW(4), ROW(5));
	Eight a6 = LOW(ROW(6), ROW(7)), a7 = HIGH(ROW(6), ROW(7));
	Eight b0 = LOW2(a0, a2), b1 = HIGH2(a0, a2), b2 = LOW2(a1, a3), b3 = HIGH2(a1, a3);
	Eight b4 = LOW2(a4, a6), b5 = HIGH2(a4, a6), b6 = LOW2(a5, a7), b7 = HIGH2(a5, a7);

	PUT(0, LEFT(b0, b4));
	PUT(1, LEFT(b1, b5));
	PUT(2, LEFT(b2, b6));
	PUT(3, LEFT(b3, b7));
	PUT(4, RIGHT(b0, b4));
	PUT(5, RIGHT(b1, b5));
	PUT(6, RIGHT(b2, b6));
	PUT(7, RIGHT(b3, b7));
#undef ROW
#undef PUT
}
#endif

/* dst[k][0..NR) = columns of op(B), zero from n on.  trans: src is stored by column. */
static void
NAME(pack_b)(T *dst, const T *src, size_t ld, bool trans, size_t k, size_t n)
{
	if (!trans)
	{
		for (size_t p = 0; p < k; p++, src += ld, dst += NR)
		{
			for (size_t j = 0; j < n; j++)
				dst[j] = src[j];
			for (size_t j = n; j < NR; j++)
				dst[j] = 0;
		}
		return;
	}
	size_t done = 0; /* rows that are there, in whole blocks of eight columns */

	if (n < NR)
		memset(dst, 0, k * NR * sizeof(T));
#ifdef TRANSPOSE_8
	if (sizeof(T) == 4)
		for (; done + 8 <= k; done += 8)
			for (size_t j = 0; j + 8 <= n; j += 8)
				transpose_8((float *) dst + done * NR + j, NR, (const float *) src + j * ld + done,
							ld);
#endif
	/* four columns at a time: each store fills a quarter of a line or more */
	for (size_t j = 0; j + 4 <= n; j += 4)
	{
		const T *s0 = src + j * ld, *s1 = s0 + ld, *s2 = s1 + ld, *s3 = s2 + ld;
		size_t from = j < (n & ~(size_t) 7) ? done : 0; /* what is not in whole blocks of eight */
		T *d = dst + j + from * NR;

		for (size_t p = from; p < k; p++, d += NR)
		{
			T x0 = s0[p], x1 = s1[p], x2 = s2[p], x3 = s3[p];

			d[0] = x0;
			d[1] = x1;
			d[2] = x2;
			d[3] = x3;
		}
	}
	for (size_t j = n & ~(size_t) 3; j < n; j++)
		for (size_t p = 0; p < k; p++)
			dst[p * NR + j] = src[j * ld + p];
}

/* dst: for each MR rows of op(A), [k][MR] (the last rows packed to their own number) */
static void
NAME(pack_a)(T *dst, const T *src, size_t row, size_t col, size_t m, size_t k)
{
	for (size_t i = 0; i < m; i += MR)
	{
		size_t rows = m - i < MR ? m - i : MR;
		const T *s = src + i * row;

		if (row == 1)
		{
			if (rows == MR)
				for (size_t p = 0; p < k; p++)
					for (size_t r = 0; r < MR; r++)
						dst[p * MR + r] = s[p * col + r];
			else
				for (size_t p = 0; p < k; p++)
					for (size_t r = 0; r < rows; r++)
						dst[p * rows + r] = s[p * col + r];
		}
		else
			for (size_t r = 0; r < rows; r++)
				for (size_t p = 0; p < k; p++)
					dst[p * rows + r] = s[r * row + p * col];
		dst += rows * k;
	}
}

static void
NAME(gemm)(const PtGemm *g, void *scratch)
{
	T *packed_a = scratch;
	T *packed_b = packed_a + BLOCK_M * KC;
	T *edge = packed_b + BLOCK_N * KC; /* [MR][NR] */
	size_t row = g->ta ? 1 : g->lda, col = g->ta ? g->lda : 1;

	size_t blocks = (g->k + KC - 1) / KC;
	size_t step = blocks == 0 ? 1 : (g->k + blocks - 1) / blocks; /* equal shares, none tiny */

	for (size_t k0 = 0; k0 < g->k || k0 == 0; k0 += step)
	{
		size_t k = g->k - k0 < step ? g->k - k0 : step;
		bool accumulate = g->accumulate || k0 > 0;

		for (size_t n0 = 0; n0 < g->n; n0 += BLOCK_N)
		{
			size_t n = g->n - n0 < BLOCK_N ? g->n - n0 : BLOCK_N;
			/* in place: rows are contiguous, and either few rows of A use them or they lie close */
			bool pack_b = g->tb || (g->m > 4 * MR && g->ldb > 4 * NR);

			for (size_t m0 = 0; m0 < g->m; m0 += BLOCK_M)
			{
				size_t m = g->m - m0 < BLOCK_M ? g->m - m0 : BLOCK_M;
				const T *a = (const T *) g->a + m0 * row + k0 * col;
				bool pack_a = n > 8 * NR || (g->ta && n > 4 * NR && k > 64);

				if (pack_a)
					NAME(pack_a)(packed_a, a, row, col, m, k);
				for (size_t j = 0; j < n; j += NR)
				{
					size_t cols = n - j < NR ? n - j : NR;
					bool packed = pack_b || cols < NR;
					const T *b =
						(const T *) g->b + (g->tb ? (n0 + j) * g->ldb + k0 : k0 * g->ldb + n0 + j);
					const T *bias = g->bias == NULL || k0 > 0 ? NULL : (const T *) g->bias + n0 + j;
					T *c = (T *) g->c + m0 * g->ldc + n0 + j;

					if (packed)
					{
						T *to = packed_b + j * KC;

						if (m0 == 0)
							NAME(pack_b)(to, b, g->ldb, g->tb, k, cols);
						b = to;
					}
					for (size_t i = 0; i < m; i += MR)
					{
						size_t rows = m - i < MR ? m - i : MR;
						const T *from = pack_a ? packed_a + i * k : a + i * row;
						size_t from_row = pack_a ? 1 : row, from_col = pack_a ? rows : col;
						T *to = c + i * g->ldc;

						if (cols == NR)
						{
							NAME(kernels)
							[rows](k, from, from_row, from_col, b, packed ? NR : g->ldb, to, g->ldc,
								   bias, accumulate);
							continue;
						}
						NAME(kernels)
						[rows](k, from, from_row, from_col, b, NR, edge, NR, NULL, false);
						for (size_t r = 0; r < rows; r++)
							for (size_t q = 0; q < cols; q++)
							{
								T before = accumulate	  ? to[r * g->ldc + q]
										   : bias != NULL ? bias[q]
														  : 0;

								to[r * g->ldc + q] = before + edge[r * NR + q];
							}
					}
				}
			}
		}
	}
}

/* ---------- few rows: dot products ---------- */

#define SMALL (BYTES > 32 ? 32 : BYTES)
#define SMALL_LANES ((size_t) (SMALL / sizeof(T)))
typedef T NAME(Small) __attribute__((vector_size(SMALL), aligned(sizeof(T)), may_alias));
#define VS NAME(Small)
#define LOADS(p) (*(const VS *) (p))

static inline T
NAME(across)(VS v)
{
	T sum = 0;

	for (size_t i = 0; i < SMALL_LANES; i++)
		sum += v[i];
	return sum;
}

/* one row of A with one of B, the rest of k beyond whole vectors */
static inline T
NAME(rest)(const T *a, const T *b, size_t from, size_t k)
{
	T sum = 0;

	for (size_t p = from; p < k; p++)
		sum += a[p] * b[p];
	return sum;
}

/* eight dot products of vectors of lanes into eight (float, 32 bytes) or one by one */
static inline void
NAME(eight)(T *out, VS s0, VS s1, VS s2, VS s3, VS s4, VS s5, VS s6, VS s7)
{
#ifdef FOLD_LANES
	if (sizeof(T) == 4)
	{
#define PAIR(x, y, ...) __builtin_shufflevector((Small_f32) (x), (Small_f32) (y), __VA_ARGS__)
#define FOLD1(x, y) (PAIR(x, y, 0, 8, 2, 10, 4, 12, 6, 14) + PAIR(x, y, 1, 9, 3, 11, 5, 13, 7, 15))
#define FOLD2(x, y) (PAIR(x, y, 0, 1, 8, 9, 4, 5, 12, 13) + PAIR(x, y, 2, 3, 10, 11, 6, 7, 14, 15))
#define FOLD3(x, y) (PAIR(x, y, 0, 1, 2, 3, 8, 9, 10, 11) + PAIR(x, y, 4, 5, 6, 7, 12, 13, 14, 15))
		*(Small_f32 *) out =
			FOLD3(FOLD2(FOLD1(s0, s1), FOLD1(s2, s3)), FOLD2(FOLD1(s4, s5), FOLD1(s6, s7)));
		return;
#undef PAIR
#undef FOLD1
#undef FOLD2
#undef FOLD3
	}
#endif
	out[0] = NAME(across)(s0);
	out[1] = NAME(across)(s1);
	out[2] = NAME(across)(s2);
	out[3] = NAME(across)(s3);
	out[4] = NAME(across)(s4);
	out[5] = NAME(across)(s5);
	out[6] = NAME(across)(s6);
	out[7] = NAME(across)(s7);
}

static void
NAME(rows)(const PtGemm *g)
{
	size_t k = g->k, whole = k - k % SMALL_LANES;

	for (size_t m = 0; m < g->m; m++)
	{
		const T *a = (const T *) g->a + m * g->lda;
		const T *bias = g->bias;
		T *c = (T *) g->c + m * g->ldc;
		size_t n = 0;

		for (; n + 8 <= g->n; n += 8)
		{
			const T *b = (const T *) g->b + n * g->ldb, *d = b + 4 * g->ldb;
			size_t ld = g->ldb;
			VS s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0}, s6 = {0}, s7 = {0};
			T out[8] __attribute__((aligned(32)));

			for (size_t p = 0; p < whole; p += SMALL_LANES)
			{
				VS x = LOADS(a + p);

				s0 += x * LOADS(b + p);
				s1 += x * LOADS(b + ld + p);
				s2 += x * LOADS(b + 2 * ld + p);
				s3 += x * LOADS(b + 3 * ld + p);
				s4 += x * LOADS(d + p);
				s5 += x * LOADS(d + ld + p);
				s6 += x * LOADS(d + 2 * ld + p);
				s7 += x * LOADS(d + 3 * ld + p);
			}
			NAME(eight)(out, s0, s1, s2, s3, s4, s5, s6, s7);
			if (whole < k)
				for (int j = 0; j < 8; j++)
					out[j] += NAME(rest)(a, b + j * ld, whole, k);
			if (g->accumulate)
				for (int j = 0; j < 8; j++)
					c[n + j] += out[j];
			else if (bias != NULL)
				for (int j = 0; j < 8; j++)
					c[n + j] = out[j] + bias[n + j];
			else
				for (int j = 0; j < 8; j++)
					c[n + j] = out[j];
		}
		for (; n < g->n; n++)
		{
			const T *b = (const T *) g->b + n * g->ldb;
			VS s0 = {0}, s1 = {0};
			size_t p = 0;
			T sum;

			for (; p + 2 * SMALL_LANES <= whole; p += 2 * SMALL_LANES)
			{
				s0 += LOADS(a + p) * LOADS(b + p);
				s1 += LOADS(a + p + SMALL_LANES) * LOADS(b + p + SMALL_LANES);
			}
			if (p < whole)
				s0 += LOADS(a + p) * LOADS(b + p);
			sum = NAME(across)(s0 + s1) + NAME(rest)(a, b, whole, k);
			c[n] = sum + (g->accumulate ? c[n] : bias != NULL ? bias[n] : 0);
		}
	}
}

#undef LANES
#undef NR
#undef VEC
#undef LOAD
#undef DECLARE
#undef START_C
#undef START_BIAS
#undef STEP
#undef FINISH
#undef KERNEL
#undef KERNEL_ENTRY
#undef SMALL
#undef SMALL_LANES
#undef VS
#undef LOADS
