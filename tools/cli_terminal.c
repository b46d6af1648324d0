/* SPDX-License-Identifier: MIT */
/* The person at the terminal: colours, log lines, the progress bar and signals. The bar is drawn on
 * standard error, and erased before anything else is written there. */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define DRAW_EVERY_MS   100
#define PACE_AFTER_MS   1000
#define BAR_WIDTH       20
#define BAR_WIDTH_LEAST 4
#define MOST_LEFT_S     360000

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

/* The line up to so many columns, whole characters only. */
static int cut_at(const char *line, size_t width)
{
    size_t at = 0;
    for (size_t columns = 0; line[at] != '\0'; at++) {
        bool is_first = ((unsigned char)line[at] & 0xc0) != 0x80;
        if (is_first && columns++ == width)
            break;
    }
    return (int)at;
}

/* "12.3 MB of 80 MB  40 MB/s  0:02 left"; how fast, and how long still, once the step has lasted
 * long enough to tell. */
static void tell_amounts(char *line, size_t size, uint64_t done, uint64_t total, const char *unit,
                         int64_t elapsed_ms)
{
    char amount[CLI_NUMBER_SIZE], whole[CLI_NUMBER_SIZE], rate[CLI_NUMBER_SIZE];
    bool is_bytes = strcmp(unit, "bytes") == 0, is_known = total > 0 && total >= done;
    size_t used = (size_t)snprintf(
        line, size, "%s%s%s%s%.20s", amount_text(amount, done, unit), is_known ? " of " : "",
        is_known ? amount_text(whole, total, unit) : "", is_bytes ? "" : " ", is_bytes ? "" : unit);
    if (elapsed_ms < PACE_AFTER_MS)
        return;
    double per_ms = (double)(done - bar.step_from) / (double)elapsed_ms;
    used += (size_t)snprintf(line + used, size - used, "  %s/s",
                             amount_text(rate, (uint64_t)(per_ms * 1000), unit));
    if (!is_known || per_ms <= 0)
        return;
    double left_s = (double)(total - done) / per_ms / 1000 + 1;
    if (left_s < MOST_LEFT_S)
        snprintf(line + used, size - used, "  %d:%02d left", (int)left_s / 60, (int)left_s % 60);
}

/* The bar gives way where the terminal is narrow. The last column stays free, or some terminals
 * begin a new line. */
static void draw(uint64_t done, uint64_t total, const char *unit, int64_t elapsed_ms)
{
    char line[256], amounts[160] = "", drawn[64] = "";
    size_t width = terminal_width() - 1;
    if (*unit != '\0')
        tell_amounts(amounts, sizeof amounts, done, total, unit, elapsed_ms);
    if (total > 0 && done <= total) {
        size_t used = strlen(bar.step) + strlen(" 100% []  ") + strlen(amounts);
        size_t room = width > used ? width - used : 0;
        int columns = room > BAR_WIDTH ? BAR_WIDTH : (int)room;
        double fraction = (double)done / (double)total;
        int filled = (int)(fraction * columns);
        if (columns >= BAR_WIDTH_LEAST)
            snprintf(drawn, sizeof drawn, " [%.*s%*s]", filled, "####################",
                     columns - filled, "");
        snprintf(line, sizeof line, "%s %3d%%%s %s", bar.step, (int)(fraction * 100), drawn,
                 amounts);
    } else {
        snprintf(line, sizeof line, "%s  %s", bar.step, amounts);
    }
    fprintf(stderr, "\r%.*s\033[K", cut_at(line, width), line);
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
