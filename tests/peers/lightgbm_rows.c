// What one evaluation costs in LightGBM's C interface, without Python: tree_kernels.py compiles and runs this.
// lightgbm_rows MODEL ROWS ROW_COUNT FEATURES EVALUATIONS; ROWS holds doubles, row after row. One JSON object on standard output.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NORMAL = 0, CONTRIBUTIONS = 3, DOUBLE = 1, ROW_MAJOR = 1 };
int LGBM_BoosterCreateFromModelfile(const char *file, int *iterations, void **booster);
int LGBM_BoosterPredictForMat(void *booster, const void *rows, int type, int32_t count, int32_t features, int row_major, int what,
                              int from, int iterations, const char *parameters, int64_t *length, double *out);
int LGBM_BoosterPredictForMatSingleRowFastInit(void *booster, int what, int from, int iterations, int type, int32_t features,
                                               const char *parameters, void **fast);
int LGBM_BoosterPredictForMatSingleRowFast(void *fast, const void *row, int64_t *length, double *out);
const char *LGBM_GetLastError(void);

static void check(int status) {
    if (status != 0) fprintf(stderr, "%s\n", LGBM_GetLastError()), exit(1);
}

static double micros(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1e6 + time.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

// How long each evaluation takes, sorted, after one round that is not counted.
static double *latency(void *booster, int what, const double *rows, int count, int features, int evaluations, double *sum) {
    void *fast;
    check(LGBM_BoosterPredictForMatSingleRowFastInit(booster, what, 0, -1, DOUBLE, features, "num_threads=1", &fast));
    double *times = malloc(evaluations * sizeof(double)), *out = malloc((features + 1) * sizeof(double));
    int64_t length;
    for (int row = -count; row < evaluations; row++) {
        const double *values = rows + (size_t)((row + count) % count) * features;
        double started = micros(CLOCK_MONOTONIC);
        check(LGBM_BoosterPredictForMatSingleRowFast(fast, values, &length, out));
        double took = micros(CLOCK_MONOTONIC) - started;
        if (row >= 0) times[row] = took;
        *sum += out[0];
    }
    qsort(times, evaluations, sizeof(double), compare);
    return times;
}

int main(int given, char **arguments) {
    if (given != 6) return fprintf(stderr, "lightgbm_rows MODEL ROWS ROW_COUNT FEATURES EVALUATIONS\n"), 2;
    int count = atoi(arguments[3]), features = atoi(arguments[4]), evaluations = atoi(arguments[5]), iterations;
    double *rows = malloc((size_t)count * features * sizeof(double)), *out = malloc(count * sizeof(double));
    FILE *file = fopen(arguments[2], "rb");
    if (!file || fread(rows, sizeof(double), (size_t)count * features, file) != (size_t)count * features) return perror(arguments[2]), 1;
    void *booster;
    check(LGBM_BoosterCreateFromModelfile(arguments[1], &iterations, &booster));
    double sum = 0, reasons_sum = 0;
    double *single = latency(booster, NORMAL, rows, count, features, evaluations, &sum);
    double *reasons = latency(booster, CONTRIBUTIONS, rows, count, features, evaluations / 50, &reasons_sum);
    int rounds = (evaluations + count - 1) / count;
    int64_t length;
    double started = micros(CLOCK_THREAD_CPUTIME_ID);
    for (int round = 0; round < rounds; round++)
        check(LGBM_BoosterPredictForMat(booster, rows, DOUBLE, count, features, ROW_MAJOR, NORMAL, 0, -1, "num_threads=1", &length, out));
    double batch = (micros(CLOCK_THREAD_CPUTIME_ID) - started) / ((double)rounds * count);
    printf("{\"p50_us\":%.4f,\"p99_us\":%.4f,\"batch_us_per_row\":%.4f,\"shap_p50_us\":%.4f,\"shap_p99_us\":%.4f,\"checksum\":%.17g}\n",
           single[evaluations / 2], single[evaluations * 99 / 100], batch, reasons[evaluations / 100], reasons[evaluations / 50 * 99 / 100],
           sum);
    return 0;
}
