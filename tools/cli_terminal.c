/* SPDX-License-Identifier: MIT */
/* The person at the terminal: colours, log lines, the progress bar and signals. The bar is drawn on
 * standard error, and erased before anything else is written there. */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define DRAW_EVERY_MS 100
#define BAR_WIDTH     20

static struct {
    bool is_shown, is_drawn;
    char step[48];
    int64_t step_began_ms, drawn_ms;
    uint64_t step_from; /* what was done when the step was first seen */
} bar;

static volatile sig_atomic_t is_canceled;

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
#define CAUGHT_COUNT (sizeof caught / sizeof *caught)
static struct sigaction before[CAUGHT_COUNT];

const char *cli_color(bool is_colored, enum cli_color color)
{
    static const char *const codes[] = {
        [CLI_PLAIN] = "\033[0m",   [CLI_BOLD] = "\033[1m", [CLI_GREEN] = "\033[32m",
        [CLI_YELLOW] = "\033[33m", [CLI_RED] = "\033[31m",
    };
    return is_colored ? codes[color] : "";
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void cli_progress_begin(bool is_shown)
{
    bar.is_shown = is_shown;
    bar.drawn_ms = now_ms();
}

void cli_progress_erase(void)
{
    if (bar.is_drawn)
        fputs("\r\033[K", stderr);
    bar.is_drawn = false;
}

void cli_log(void *user, int level, const char *line)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)user;
    cli_progress_erase();
    fprintf(stderr, "%s: %s\n", level >= 0 && level <= 3 ? names[level] : "log", line);
}

static char *amount_text(char to[CLI_NUMBER_SIZE], uint64_t amount, const char *unit)
{
    if (strcmp(unit, "bytes") == 0)
        return cli_size_text(to, (int64_t)amount);
    return cli_count_text(to, (int64_t)amount);
}

static void draw(uint64_t done, uint64_t total, const char *unit, int64_t elapsed_ms)
{
    char line[256], amount[CLI_NUMBER_SIZE], whole[CLI_NUMBER_SIZE], rate[CLI_NUMBER_SIZE];
    bool is_bytes = strcmp(unit, "bytes") == 0;
    double fraction = total > 0 ? (double)done / (double)total : 0;
    double per_ms = elapsed_ms > 0 ? (double)(done - bar.step_from) / (double)elapsed_ms : 0;
    int filled = (int)(fraction * BAR_WIDTH), used;
    const char *noun = is_bytes ? "" : unit, *gap = is_bytes ? "" : " ";

    amount_text(amount, done, unit);
    amount_text(rate, (uint64_t)(per_ms * 1000), unit);
    if (total == 0 || done > total)
        used = snprintf(line, sizeof line, "%s  %s%s%s  %s/s", bar.step, amount, gap, noun, rate);
    else
        used = snprintf(line, sizeof line, "%s %3d%% [%.*s%*s] %s of %s%s%s  %s/s", bar.step,
                        (int)(fraction * 100), filled, "####################", BAR_WIDTH - filled,
                        "", amount, amount_text(whole, total, unit), gap, noun, rate);
    if (total >= done && per_ms > 0 && used > 0 && (size_t)used < sizeof line) {
        int64_t left_s = (int64_t)((double)(total - done) / per_ms / 1000) + 1;
        if (left_s < 360000)
            snprintf(line + used, sizeof line - (size_t)used, "  %d:%02d left", (int)(left_s / 60),
                     (int)(left_s % 60));
    }
    /* The last column stays free, or some terminals begin a new line. */
    fprintf(stderr, "\r%.*s\033[K", (int)terminal_width() - 1, line);
    bar.is_drawn = true;
}

int cli_progress(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)user;
    if (!bar.is_shown)
        return is_canceled;
    int64_t now = now_ms();
    char shown[sizeof bar.step];
    cli_printable(shown, sizeof shown, step);
    if (strcmp(bar.step, shown) != 0 || done < bar.step_from) {
        memcpy(bar.step, shown, sizeof shown);
        bar.step_began_ms = now;
        bar.step_from = done;
    }
    if (now - bar.drawn_ms >= DRAW_EVERY_MS) {
        draw(done, total, unit, now - bar.step_began_ms);
        bar.drawn_ms = now;
    }
    return is_canceled;
}

/* The first signal asks to stop; then all of them do what they would have done without us. */
static void on_signal(int number)
{
    is_canceled = 1;
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        if (caught[i] != SIGPIPE)
            sigaction(caught[i], &before[i], NULL);
    (void)number;
}

void cli_signals_catch(void)
{
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        sigaction(caught[i], NULL, &before[i]);
    for (size_t i = 0; i < CAUGHT_COUNT; i++) {
        bool is_ignored = before[i].sa_handler == SIG_IGN; /* by nohup, for one: it stays so */
        if (!is_ignored)
            sigaction(caught[i], caught[i] == SIGPIPE ? &ignore : &stop, NULL);
    }
}

void cli_signals_release(void)
{
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        sigaction(caught[i], &before[i], NULL);
}
