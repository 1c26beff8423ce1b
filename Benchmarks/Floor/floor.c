// The least SQL for a queue's durable work on MariaDB: a claim that is committed, and an end that is a row of history.
//
// It has nothing that a queue is bought for (no lanes, leases, retries, coalescing, dependencies), so that what another
// queue takes longer is the price of what it has. `field` claims as the classic poller does, one row at a time.
#include <mysql.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_ROWS 1000  // of one statement
#define IDLE_PAUSE 10   // in ms, when a claim was empty

static MYSQL *db;
static volatile sig_atomic_t stopped;

static void stop(int signal) { (void)signal, stopped = 1; }

static void die(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, db ? mysql_error(db) : "");
    exit(1);
}

static void run(const char *format, ...) {
    static char sql[64 * MOST_ROWS];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof sql) die("the statement is too long");
    if (mysql_real_query(db, sql, (unsigned long)length)) die(sql);
}

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Tells that this process is connected, and waits until all others are.
static void gate(void) {
    char line[16];
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) exit(0);
}

static void setup(void) {
    run("CREATE TABLE queue (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, lane VARCHAR(16) NOT NULL,"
        " state TINYINT NOT NULL DEFAULT 0, worker INT UNSIGNED, task VARCHAR(64) NOT NULL,"
        " enqueued_at DATETIME(6) NOT NULL DEFAULT NOW(6), started_at DATETIME(6), KEY claim (state, id))");
    run("CREATE TABLE history (id BIGINT UNSIGNED PRIMARY KEY, lane VARCHAR(16) NOT NULL, worker INT UNSIGNED NOT NULL,"
        " task VARCHAR(64) NOT NULL, enqueued_at DATETIME(6) NOT NULL, started_at DATETIME(6) NOT NULL,"
        " finished_at DATETIME(6) NOT NULL)");
}

// Inserts rows, and prints when it began and ended, and what each call took.
static void enqueue(int count, int size) {
    static char rows[64 * MOST_ROWS];
    char *end = rows;
    for (int row = 0; row < size; row++) end += sprintf(end, "%s('background','noop')", row ? "," : "");
    double *took = calloc((size_t)(count / size), sizeof *took);
    gate();
    const double begin = now(CLOCK_REALTIME);
    for (int call = 0; call < count / size; call++) {
        const double asked = now(CLOCK_MONOTONIC);
        run("INSERT INTO queue (lane, task) VALUES %s", rows);
        run("COMMIT");
        took[call] = now(CLOCK_MONOTONIC) - asked;
    }
    printf("{\"begin\":%.6f,\"end\":%.6f,\"calls\":[", begin, now(CLOCK_REALTIME));
    for (int call = 0; call < count / size; call++) printf("%s%.6f", call ? "," : "", took[call]);
    puts("]}");
}

// Claims a batch in one transaction and ends it in another, until it is told to stop.
static void work(int batch, int field) {
    static char ids[24 * MOST_ROWS];
    const char *order = field ? "FIELD(lane,'user_waiting','user_facing','background'), id" : "id";
    int done = 0;
    gate();
    while (!stopped) {
        run("SELECT id FROM queue WHERE state = 0 ORDER BY %s LIMIT %d FOR UPDATE SKIP LOCKED", order, batch);
        MYSQL_RES *result = mysql_store_result(db);
        if (!result) die("no result");
        char *end = ids;
        for (MYSQL_ROW row; (row = mysql_fetch_row(result));) end += sprintf(end, "%s%s", end > ids ? "," : "", row[0]);
        mysql_free_result(result);
        if (end == ids) {
            run("COMMIT");
            // Nothing rings here, and a poll without a pause would take the processor from those who work.
            usleep(IDLE_PAUSE * 1000);
            continue;
        }
        run("UPDATE queue SET state = 1, worker = %d, started_at = NOW(6) WHERE id IN (%s)", (int)getpid(), ids);
        run("COMMIT");
        if (!done++) printf("first %.6f\n", now(CLOCK_REALTIME)), fflush(stdout);
        run("INSERT INTO history SELECT id, lane, worker, task, enqueued_at, started_at, NOW(6) FROM queue"
            " WHERE id IN (%s)", ids);
        run("DELETE FROM queue WHERE id IN (%s)", ids);
        run("COMMIT");
    }
}

int main(int count, char **arguments) {
    const int number = count > 4 ? atoi(arguments[4]) : 0, size = count > 5 ? atoi(arguments[5]) : 1;
    if (count < 4 || size < 1 || size > MOST_ROWS || number < 0) {
        fputs("usage: floor SOCKET SCHEMA setup | enqueue COUNT SIZE | work BATCH | field 1\n", stderr);
        return 64;
    }
    signal(SIGTERM, stop);
    db = mysql_init(NULL);
    if (!mysql_real_connect(db, NULL, "root", NULL, arguments[2], 0, arguments[1], 0)) die("no connection");
    run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    mysql_autocommit(db, 0);
    if (!strcmp(arguments[3], "setup")) setup();
    if (!strcmp(arguments[3], "enqueue") && count > 5) enqueue(number, size);
    if (!strcmp(arguments[3], "work") && number > 0 && number <= MOST_ROWS) work(number, 0);
    if (!strcmp(arguments[3], "field")) work(1, 1);
    mysql_close(db);
    return 0;
}
