/* SPDX-License-Identifier: Apache-2.0 */
/* Upscales a picture by the reference: fsrcnnx_pgm LR.pgm HR.pgm. An example, and its test.

   A pixel of the files (binary PGM, 8 or 16 bits) is its raw number, a negative one its two's
   complement. Unlike the reference this needs a hosted C99: files and malloc. */
#include "fsrcnnx_NAME.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST 30000U /* pixels of a side */

/* The next number of a PGM header; 0 where there is none. Comments are passed over. */
static size_t header_number(FILE *file)
{
    size_t number = 0U;
    int c = fgetc(file);

    while ((c == ' ') || (c == '\t') || (c == '\r') || (c == '\n') || (c == '#')) {
        if (c == '#') {
            while ((c != '\n') && (c != EOF)) {
                c = fgetc(file);
            }
        } else {
            c = fgetc(file);
        }
    }
    while ((c >= '0') && (c <= '9') && (number < 1000000U)) {
        number = (10U * number) + (size_t)(c - '0');
        c = fgetc(file);
    }
    return number;
}

static long get_pixel(FILE *file, size_t bytes)
{
    long value = 0;

    for (size_t i = 0U; i < bytes; ++i) {
        value = (256 * value) + fgetc(file);
    }
    return ((FSRCNNX_NAME_LR_LOW < 0) && (value > FSRCNNX_NAME_LR_HIGH))
        ? (value - (FSRCNNX_NAME_LR_HIGH - FSRCNNX_NAME_LR_LOW + 1)) : value;
}

static void put_pixel(FILE *file, long value)
{
    const long span = FSRCNNX_NAME_HR_HIGH - FSRCNNX_NAME_HR_LOW + 1;
    const long raw = (value < 0) ? (value + span) : value;

    if (span > 256) {
        (void)fputc((int)(raw / 256), file);
    }
    (void)fputc((int)(raw % 256), file);
}

/* Reads a picture; NULL, or what is wrong. The pixels are the caller's to free. */
static const char *read_lr(const char *name, fsrcnnx_NAME_lr **lr, size_t *width, size_t *height)
{
    const char *wrong = NULL;
    FILE *const file = fopen(name, "rb");

    if (file == NULL) {
        return "the picture cannot be read";
    }
    if ((fgetc(file) != 'P') || (fgetc(file) != '5')) {
        wrong = "not a binary PGM (P5)";
    } else {
        *width = header_number(file);
        *height = header_number(file);
        if ((*width < 1U) || (*height < 1U) || (*width > MOST) || (*height > MOST)) {
            wrong = "not a picture of 1x1 to 30000x30000 pixels";
        } else {
            const size_t bytes = (header_number(file) > 255U) ? 2U : 1U;

            *lr = malloc(*width * *height * sizeof **lr);
            if (*lr == NULL) {
                wrong = "no memory";
            }
            for (size_t i = 0U; (wrong == NULL) && (i < (*width * *height)); ++i) {
                const long value = get_pixel(file, bytes);

                if ((feof(file) != 0) || (value < FSRCNNX_NAME_LR_LOW) ||
                    (value > FSRCNNX_NAME_LR_HIGH)) {
                    wrong = "the picture ends early, or has a pixel out of range";
                } else {
                    (*lr)[i] = (fsrcnnx_NAME_lr)value;
                }
            }
        }
    }
    (void)fclose(file);
    return wrong;
}

/* Writes a picture; NULL, or what is wrong. */
static const char *write_hr(const char *name, const fsrcnnx_NAME_hr *hr, size_t width,
    size_t height)
{
    FILE *const file = fopen(name, "wb");
    int failed = (file == NULL) ? 1 : 0;

    if (file != NULL) {
        (void)fprintf(file, "P5\n%lu %lu\n%d\n", (unsigned long)width, (unsigned long)height,
            FSRCNNX_NAME_HR_HIGH - FSRCNNX_NAME_HR_LOW);
        for (size_t i = 0U; i < (width * height); ++i) {
            put_pixel(file, hr[i]);
        }
        failed = ferror(file);
        failed = ((fclose(file) != 0) || (failed != 0)) ? 1 : 0;
    }
    return (failed != 0) ? "the output cannot be written" : NULL;
}

int main(int argc, char **argv)
{
    const char *wrong = "usage: fsrcnnx_pgm LR.pgm HR.pgm";
    fsrcnnx_NAME_lr *lr = NULL;
    fsrcnnx_NAME_hr *hr = NULL;
    void *work = NULL;
    size_t width = 0U;
    size_t height = 0U;
    size_t work_bytes;
    int status = FSRCNNX_NAME_OK;

    if (argc == 3) {
        wrong = read_lr(argv[1], &lr, &width, &height);
    }
#if FSRCNNX_NAME_PRESCALE > 1
    if (wrong == NULL) {
        const size_t times = FSRCNNX_NAME_PRESCALE;
        fsrcnnx_NAME_lr *const picture = lr;

        lr = malloc(times * times * width * height * sizeof *lr);
        status = fsrcnnx_NAME_enlarge(picture, width, height, width, lr, times * width);
        free(picture);
        width *= times;
        height *= times;
    }
#endif
    if ((wrong == NULL) && (status == FSRCNNX_NAME_OK)) {
        work_bytes = fsrcnnx_NAME_work_bytes(width, height);
        work = malloc(work_bytes);
        hr = malloc(FSRCNNX_NAME_SCALE * FSRCNNX_NAME_SCALE * width * height * sizeof *hr);
        status = fsrcnnx_NAME_upscale(lr, width, height, width, hr, FSRCNNX_NAME_SCALE * width,
            work, work_bytes);
    }
    if (status == FSRCNNX_NAME_ERROR_NULL) {
        wrong = "no memory";
    } else if (status != FSRCNNX_NAME_OK) {
        wrong = "an error that fsrcnnx_NAME.h lists";
    } else if (wrong == NULL) {
        wrong = write_hr(argv[2], hr, FSRCNNX_NAME_SCALE * width, FSRCNNX_NAME_SCALE * height);
    } else {
        /* the picture was not read */
    }
    free(work);
    free(hr);
    free(lr);
    if (wrong != NULL) {
        (void)fprintf(stderr, "fsrcnnx_pgm: %s\n", wrong);
    }
    return (wrong == NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
