/* SPDX-License-Identifier: MIT */
/* The test "integrity": the stored backups are what they say they are. */
#include "api/system.h"

int jbi_test_integrity(struct system_test *test, struct jb_error *err)
{
    struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
    jb_report *report = NULL;
    options.timestamp = test->options->timestamp;
    options.latest = test->options->latest;
    options.depth = test->options->depth;
    options.sample = test->options->sample;
    int code = backup_verify(test->project, &options, &report, err);
    if (code < 0)
        return code;
    char size[16];
    int64_t sample = jb_report_number(report, JB_FIGURES, "sample");
    uint64_t bytes = (uint64_t)jb_report_number(report, JB_FIGURES, "bytes_read");
    jbi_text_addf(&test->did, "%s of ",
                  options.depth == JB_DEPTH_BYTES     ? "read the bytes"
                  : options.depth == JB_DEPTH_RESTORE ? "read and restored the content"
                                                      : "read the content");
    jbi_system_tell_count(test, jb_report_number(report, JB_FIGURES, "backups"), "backup");
    jbi_text_adds(&test->did, ", ");
    jbi_system_tell_count(test, jb_report_number(report, JB_FIGURES, "files"), "file");
    jbi_text_adds(&test->did, " and ");
    jbi_system_tell_count(test, jb_report_number(report, JB_FIGURES, "tables"), "table");
    jbi_text_addf(&test->did, " in %s", jbi_human_size(size, bytes));
    if (sample < 100)
        jbi_text_addf(&test->did, ", of the code a sample of %lld %%", (long long)sample);
    test->read_mb_s = jb_report_number(report, JB_FIGURES, "read_mb_s");
    test->decoded_mb_s = jb_report_number(report, JB_FIGURES, "decoded_mb_s");
    jbi_report_merge(test->report, report, "");
    jb_report_free(report);
    return JB_OK;
}
