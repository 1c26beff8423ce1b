/* Operations that wait for others: enqueue with edges, settle, release, abort, and batches that go on with the rest.
   The protocol is in docs/decisions/cascades.md and docs/architecture.md, "The path of an operation".

   Checked: no operation is claimed before all that it waits for has ended, and completed where that is asked for;
   every operation ends, and ends once; no edge is left over. deploy/check-models checks that, and that it no longer
   holds when one of the guards (MUTANT) is taken away.

   A transaction is a step for each read and each row lock, and one for its writes with its COMMIT. It reads what has
   been committed by then (READ COMMITTED). Who waits for a lock gets it, or is rolled back and begins again. With
   WRITERS every process has a server of its own: locks do not exclude, and a COMMIT is refused when another one has
   written a row of its write set since it began, as Galera does. */

#ifndef MUTANT
#define MUTANT 0                 /* the guard that is taken away: README.md lists them */
#endif
#ifndef REACH
#define REACH 0                  /* the state that has to be reachable, so that the model is known to check something */
#endif
#ifndef N
#define N 3                      /* operations; number 0 exists and waits for none. Of 3, each waits for some
                                    before it; of 4, all wait for number 0 */
#endif
#ifndef BOUND
#define BOUND 1                  /* dependents that one transaction takes */
#endif
#ifndef LOSSES
#define LOSSES 0                 /* answers to a COMMIT that are lost: it has happened, or has not */
#endif
#ifndef WRITERS
#define WRITERS 0                /* 1: every process writes to a server of its own */
#endif
#ifndef KEY
#define KEY 0                    /* with WRITERS, an edge brings its dependency's row into the write set: 1 as a foreign
                                    key does, 2 by an update of that row */
#endif

#if KEY == 1
#define REFERRED_TO live
#define TOUCHED 0
#elif KEY == 2
#define REFERRED_TO 0
#define TOUCHED live
#else
#define REFERRED_TO 0
#define TOUCHED 0
#endif

#define WORKERS 2
#define PROCESSES (N + WORKERS)  /* process i < N enqueues operation i */

/* The states of a row; from COMPLETE on it is in history. */
#define ABSENT 0
#define BLOCKED 1
#define QUEUED 2
#define EXECUTING 3
#define COMPLETE 4
#define FAILED 5
#define ABORTED 6
#define LIVE(i) (row[i] != ABSENT && row[i] < COMPLETE)
#define HAS_ENDED(i) (row[i] >= COMPLETE)

#define ME(n) (1 << (n))
#define HAS(set, n) ((set) & ME(n))
#define EDGE(d, i) ((d) * N + (i))

/* The requests: by EDGE, whether the dependent waits for the dependency, and whether that has to complete. */
int wanted = 0, must = 0;
bool answered[N];

/* The database. */
byte row[N], unmet[N], ends[N];
int edges = 0;                   /* the table of edges, by EDGE */
byte notes = 0;                  /* ended operations with dependents left */

/* Locks: a row's by one process, a row's by several in share mode, a note's. */
byte owner[N];                   /* the process, plus 1 */
byte sharers[N];
byte taken_notes = 0;

/* What others have written, and what they have referred to, since a process began its transaction. */
byte written[PROCESSES], referred[PROCESSES];

byte losses = 0;
byte ended_by[N];

#if WRITERS || MUTANT == 8
#define TAKEN_NOTES 0
#else
#define TAKEN_NOTES taken_notes
#endif

#if WRITERS
#define CAN_LOCK(i) (true)
#define CAN_SHARE(i) (true)
#else
#define CAN_LOCK(i) ((owner[i] == 0 || owner[i] == me + 1) && (sharers[i] & ~ME(me)) == 0)
#define CAN_SHARE(i) (owner[i] == 0)
#endif

#define CAN_CLAIM(i) (row[i] == QUEUED && CAN_LOCK(i))

inline begin() { written[me] = 0; referred[me] = 0 }

inline unlock() {
    k = 0;
    do
    :: k < N ->
        if :: owner[k] == me + 1 -> owner[k] = 0 :: else fi;
        sharers[k] = sharers[k] & ~ME(me);
        k++
    :: else -> break
    od;
    k = 0; written[me] = 0; referred[me] = 0
}

/* Whether the servers take a write set: rows written, and rows referred to. */
#define CERTIFIED(rows, references) \
    (!WRITERS || ((rows) & (written[me] | referred[me])) == 0 && ((references) & written[me]) == 0)

inline tell_others(rows, references) {
#if WRITERS
    k = 0;
    do
    :: k < PROCESSES && k != me -> written[k] = written[k] | (rows); referred[k] = referred[k] | (references); k++
    :: k == me -> k++
    :: else -> break
    od;
    k = 0
#endif
    skip
}

inline end_row(i, state) {
    ends[i]++;
    assert(ends[i] == 1);
    row[i] = state; ended_by[i] = me
}

/* Enqueues one operation, which waits for some that its caller knows. */
proctype Caller(byte me) {
    byte k, d, live, failed, ended;

    /* The ids of what it waits for have been answered. */
    d = 0;
    do
    :: d < N && (wanted & ME(EDGE(d, me))) -> answered[d]; d++
    :: d < N && !(wanted & ME(EDGE(d, me))) -> d++
    :: d == N -> break
    od;
again:
    atomic { d = 0; live = 0; failed = 0; ended = 0; begin() }
    /* Sent again: it is looked for first, under a lock. */
    if
    :: row[me] != ABSENT -> goto answer
    :: row[me] == ABSENT
    fi;
#if MUTANT == 2
    atomic {
        d = 0;
        do
        :: d < N -> if :: HAS_ENDED(d) -> ended = ended | ME(d) :: else fi; d++
        :: else -> break
        od;
        d = 0
    }
#endif
    /* The live ones, each locked in share mode. */
    do
    :: atomic { d < N && (wanted & ME(EDGE(d, me))) && LIVE(d) ->
#if MUTANT == 1
        live = live | ME(d); d++
#else
        if
        :: CAN_SHARE(d) -> sharers[d] = sharers[d] | ME(me); live = live | ME(d); d++
        :: !CAN_SHARE(d) -> assert(REACH != 1); unlock(); goto again
        fi
#endif
       }
    :: atomic { d < N && !((wanted & ME(EDGE(d, me))) && LIVE(d)) -> d++ }
    :: atomic { d == N -> d = 0; break }
    od;
    /* The others are in history. */
    atomic {
        do
        :: d < N && (wanted & ME(EDGE(d, me))) && !HAS(live, d) ->
#if MUTANT == 2
            assert(HAS(ended, d));
#else
            assert(HAS_ENDED(d));
#endif
            if :: (must & ME(EDGE(d, me))) && row[d] != COMPLETE -> failed = failed | ME(d) :: else fi;
            d++
        :: d < N && !((wanted & ME(EDGE(d, me))) && !HAS(live, d)) -> d++
        :: else -> break
        od;
        d = 0
    }
    atomic {
        if
        :: !CERTIFIED(ME(me) | TOUCHED, REFERRED_TO) -> unlock(); goto again
        :: losses < LOSSES -> losses++; unlock(); goto again            /* not committed, and not known */
        :: CERTIFIED(ME(me) | TOUCHED, REFERRED_TO)
        fi;
#if MUTANT != 3
        if
        :: failed != 0 -> assert(REACH != 2); end_row(me, ABORTED)
        :: else ->
#endif
            do
            :: d < N -> if :: HAS(live, d) -> edges = edges | ME(EDGE(d, me)); unmet[me]++ :: else fi; d++
            :: else -> break
            od;
            d = 0;
            row[me] = (unmet[me] > 0 -> BLOCKED : QUEUED);
#if MUTANT != 3
        fi;
#endif
        tell_others(ME(me) | TOUCHED, REFERRED_TO);
        unlock();
        if
        :: losses < LOSSES -> losses++; goto again                      /* committed, and not known */
        :: skip
        fi
    }
answer:
    atomic { unlock(); answered[me] = true; d = 0; live = 0; failed = 0; ended = 0 }
}

/* What a transaction that ends operations has found out so far. */
#define FORGET \
    level = 0; seen = 0; chosen = 0; released = 0; doomed = 0; gone = 0; left = 0; unfinished = 0; \
    locked_notes = 0; d = 0; i = 0; k = 0

/* Whether an operation of this transaction, or of history, ended without completing. */
#define DID_NOT_COMPLETE(d) (HAS(gone, d) -> (d != own || isFailed) : row[d] != COMPLETE)

/* Reads the edges from what has ended in this level. */
inline read_edges() {
    seen = 0; d = 0;
    do
    :: d < N && HAS(level, d) -> seen = seen | (edges & (((1 << N) - 1) << (d * N))); d++
    :: d < N && !HAS(level, d) -> d++
    :: else -> break
    od;
    d = 0
}

/* Chooses the dependents of this level that the bound allows, and notes what is left. */
inline choose() {
    chosen = 0; doomed = 0; i = 0;
    do
    :: i < N ->
        d = 0;
        do
        :: d < N && (seen & ME(EDGE(d, i))) ->
            if
            :: HAS(chosen, i) || left > 0 ->
                if :: !HAS(chosen, i) -> chosen = chosen | ME(i); left-- :: else fi;
                released = released | ME(EDGE(d, i));
                if :: (must & ME(EDGE(d, i))) && DID_NOT_COMPLETE(d) -> doomed = doomed | ME(i) :: else fi
            :: else -> unfinished = unfinished | ME(d)
            fi;
            d++
        :: d < N && !(seen & ME(EDGE(d, i))) -> d++
        :: else -> break
        od;
        i++
    :: else -> break
    od;
    d = 0; i = 0; seen = 0
}

/* Writes everything. */
inline write_all() {
    i = 0;
    do
    :: i < N ->
        /* The number of its edges that this transaction takes off. */
        d = 0; k = 0;
        do
#if MUTANT == 4
        :: d < N -> if :: released & ME(EDGE(d, i)) -> k = 1 :: else fi; d++
#else
        :: d < N -> if :: released & ME(EDGE(d, i)) -> k++ :: else fi; d++
#endif
        :: else -> break
        od;
        if
        :: HAS(gone, i) ->
            if :: i == own -> end_row(i, (isFailed -> FAILED : COMPLETE)) :: else -> end_row(i, ABORTED) fi;
            unmet[i] = 0;
            d = 0;
            do
            :: d < N -> edges = edges & ~ME(EDGE(d, i)); d++
            :: else -> break
            od
        :: !HAS(gone, i) && k > 0 && row[i] == BLOCKED ->
            assert(unmet[i] >= k);
            unmet[i] = unmet[i] - k;
            if :: unmet[i] == 0 -> row[i] = QUEUED :: else fi
        :: else
        fi;
        k = 0; i++
    :: else -> break
    od;
    edges = edges & ~released;
#if MUTANT == 5
    notes = (notes | unfinished) & ~locked_notes;
#elif MUTANT == 7
    notes = notes & ~locked_notes;
#else
    notes = (notes & ~locked_notes) | unfinished;
#endif
    i = 0; d = 0
}

/* Settles what it has run, and goes on with what depends on operations that ended earlier. */
proctype Worker(byte me) {
    byte k, d, i, own = N, level, chosen, doomed, gone, left, unfinished, locked_notes;
    int seen, released;
    bool isFailed;

    do
    /* Claim; run. */
    :: atomic {
        own == N && (CAN_CLAIM(0) || CAN_CLAIM(1) || CAN_CLAIM(N - 2) || CAN_CLAIM(N - 1)) ->
        if
        :: CAN_CLAIM(0) -> own = 0
        :: CAN_CLAIM(1) -> own = 1
        :: CAN_CLAIM(N - 1) -> own = N - 1
#if N > 3
        :: CAN_CLAIM(2) -> own = 2
#endif
        fi;
        d = 0;
        do
        :: d < N ->
            if
            :: wanted & ME(EDGE(d, own)) ->
                assert(HAS_ENDED(d));
                assert(!(must & ME(EDGE(d, own))) || row[d] == COMPLETE)
            :: else
            fi;
            d++
        :: else -> break
        od;
        d = 0;
        row[own] = EXECUTING;
        tell_others(ME(own), 0);
        if :: isFailed = true :: isFailed = false fi
       };
settle:
       atomic { FORGET; begin(); left = BOUND };
#if MUTANT == 6
       atomic { level = ME(own); read_edges() };
#endif
       atomic {
        if
        :: row[own] != EXECUTING -> unlock(); own = N; isFailed = false; goto next     /* settled before */
        :: row[own] == EXECUTING && CAN_LOCK(own) -> owner[own] = me + 1
        fi;
        level = ME(own); gone = ME(own)
       };
#if MUTANT == 6
       atomic { choose() };
       goto lock;
#else
       goto cascade;
#endif

    /* Take the notes that nobody else has. */
    :: atomic {
        own == N && (notes & ~TAKEN_NOTES) != 0 ->
        FORGET; begin(); left = BOUND;
        locked_notes = notes & ~TAKEN_NOTES;
        taken_notes = taken_notes | locked_notes;
        level = locked_notes
       };

cascade:
       /* A level: read its edges, take off what the bound allows, end what is to be aborted. */
       atomic { read_edges(); choose() };
lock:
       atomic {
        do
        :: i < N && HAS(chosen, i) ->
            if
            :: CAN_LOCK(i) ->
                owner[i] = me + 1;
                if :: !LIVE(i) -> chosen = chosen & ~ME(i); doomed = doomed & ~ME(i) :: else fi;
                i++
            :: !CAN_LOCK(i) -> goto undo
            fi
        :: i < N && !HAS(chosen, i) -> i++
        :: else -> break
        od;
        i = 0;
        level = doomed; gone = gone | doomed;
        if
        :: level != 0 -> assert(!(REACH == 3 && gone != level && own < N)); goto cascade
        :: else
        fi
       };
       atomic {
        /* Rows of the write set: what ended, and what was released. */
        d = gone; i = 0;
        do
        :: i < N ->
            if
            :: released & (ME(EDGE(0, i)) | ME(EDGE(1, i)) | ME(EDGE(N - 2, i)) | ME(EDGE(N - 1, i))) -> d = d | ME(i)
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = d; d = 0;
        if
        :: !CERTIFIED(i, 0) -> goto undo
        :: losses < LOSSES -> losses++; goto undo                       /* not committed, and not known */
        :: CERTIFIED(i, 0)
        fi;
        assert(!(REACH == 4 && HAS(locked_notes, 0) && ended_by[0] != me));
        tell_others(i, 0);
        write_all();
        taken_notes = taken_notes & ~locked_notes;
        unlock(); FORGET;
        if
        :: losses < LOSSES && own < N -> losses++; goto settle          /* committed, and not known */
        :: own = N; isFailed = false; goto next
        fi
       };
undo:
       atomic { taken_notes = taken_notes & ~locked_notes; unlock(); FORGET;
        if :: own < N -> goto settle :: else fi };
next:  skip
    od
}

inline want(d, i) {
    if
    :: wanted = wanted | ME(EDGE(d, i))
    :: wanted = wanted | ME(EDGE(d, i)); must = must | ME(EDGE(d, i))
    fi
}

init {
    byte i;

    atomic {
        row[0] = QUEUED; answered[0] = true;
        want(0, 1);
#if N > 3
        want(0, 2); want(0, 3);
#else
        if :: want(0, 2) :: want(1, 2) :: want(0, 2); want(1, 2) fi;
#endif
        i = 1;
        do
        :: i < N -> run Caller(i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < WORKERS -> run Worker(N + i); i++
        :: else -> break
        od;
        i = 0
    }
    timeout ->
    do
    :: i < N -> assert(answered[i]); assert(HAS_ENDED(i)); i++
    :: else -> break
    od;
    assert(edges == 0);
    assert(notes == 0)
}
