/* Requests for one piece of work: enqueue, adopt, claim and fold, run, settle, hand back, reap, cancel.
   The protocol is in docs/architecture.md, "Five ideas", 1 to 4.

   Checked: an execution that a request is answered by has read the wanted state after the request's change; each
   request ends, and once; two processes never both write an outcome of one delivery. deploy/check-models checks that,
   and that it no longer holds when one of the guards (MUTANT) is taken away.

   One block is one transaction, one read, or one step of a process. A COMMIT whose answer is lost has happened, has
   not, or happens later, while the server still holds its locks. A worker that dies leaves a session that somebody
   declares dead later; one that is only slow may be declared dead as well, and goes on until it finds out. */

#ifndef MUTANT
#define MUTANT 0                 /* the guard that is taken away: README.md lists them */
#endif
#ifndef REACH
#define REACH 0                  /* the state that has to be reachable, so that the model is known to check something */
#endif
#ifndef LOSSES
#define LOSSES 1                 /* answers to a COMMIT that are lost */
#endif
#ifndef DEATHS
#define DEATHS 1                 /* sessions that are declared dead; the worker may be alive */
#endif
#ifndef FAILURES
#define FAILURES 1               /* attempts that fail and come back */
#endif
#ifndef CANCELS
#define CANCELS 1                /* operations that somebody cancels */
#endif

#define N 3                      /* requests, each with a change of the wanted state of its own */
#define WORKERS 2
#define NOBODY WORKERS
#define NONE N

/* The states of a row; from ENDED on it is in history. */
#define ABSENT 0
#define QUEUED 1
#define EXECUTING 2
#define FOLDED 3
#define ENDED 4

/* The database. Request r's own row has number r: its id is known before it is sent. */
byte wanted = 0;                 /* the number of changes that have been committed */
byte row[N], session[N], delivery[N], primary[N];
byte started[N];                 /* attempts */
byte ends[N];                    /* how often an end was written */
bool lives[WORKERS];             /* the session's row is there */
bool locked[N];                  /* by a transaction whose COMMIT is under way */
byte coming = NONE, sender;      /* the claim whose COMMIT happens later, and whose it is */

/* What is promised. */
byte need[N];                    /* the newest change that a request which was answered by this row relies on */
byte answer[N];                  /* the row by which a request was answered; NONE before */

byte losses = 0, deaths = 0, failures = 0, cancels = 0;

/* Executing operations have this target; a unique key allows one. */
#if MUTANT == 1
#define TARGET_IS_FREE (true)
#else
#define TARGET_IS_FREE (row[0] != EXECUTING && row[1] != EXECUTING && row[2] != EXECUTING)
#endif

/* Whether this claim is the one that the row has: the session and the number of the delivery. */
#if MUTANT == 2
#define OURS(i, w, d) (row[i] == EXECUTING)
#else
#define OURS(i, w, d) (row[i] == EXECUTING && session[i] == w && delivery[i] == d)
#endif

#if MUTANT == 3
#define MAY_FOLLOW(i) (row[i] == QUEUED)
#else
#define MAY_FOLLOW(i) (row[i] == QUEUED && started[i] == 0)
#endif

inline fold_into(i) {
    f = 0;
    do
    :: f < N ->
        if
        :: f != i && !locked[f] && MAY_FOLLOW(f) -> row[f] = FOLDED; primary[f] = i
        :: else
        fi;
        f++
    :: else -> break
    od;
    f = 0
}

/* What a claim writes. */
inline take(i, w) {
    row[i] = EXECUTING; session[i] = w; delivery[i]++; started[i]++;
    assert((row[0] == EXECUTING) + (row[1] == EXECUTING) + (row[2] == EXECUTING) == 1);
#if MUTANT != 4
    fold_into(i)
#endif
}

/* The row goes to history. Who was answered by it may rely on what was read. */
inline end_row(i, read) {
    assert(read >= need[i]);
    ends[i]++;
    assert(ends[i] == 1);
    row[i] = ENDED; session[i] = NOBODY
}

/* The followers of an operation that was done share its end. */
inline end_with(i, read) {
    f = 0;
    do
    :: f < N -> if :: row[f] == FOLDED && primary[f] == i -> assert(REACH != 1); end_row(f, read) :: else fi; f++
    :: else -> break
    od;
    f = 0;
    end_row(i, read)
}

/* The followers of one that was cancelled, or given up, get their own turn. */
inline return_followers(i) {
    f = 0;
    do
#if MUTANT == 5
    :: f < N -> if :: row[f] == FOLDED && primary[f] == i -> end_row(f, 0) :: else fi; f++
#elif MUTANT == 6
    :: f < N -> f++
#else
    :: f < N -> if :: row[f] == FOLDED && primary[f] == i -> row[f] = QUEUED; primary[f] = NONE :: else fi; f++
#endif
    :: else -> break
    od;
    f = 0
}

/* A caller commits a change, then asks for the work. */
proctype Caller(byte r) {
    byte mine, found, sends;

#if MUTANT != 7
    atomic { wanted++; mine = wanted }
#endif
    /* A plain read: what it finds may be claimed by now. */
again:
    atomic {
        found = NONE;
        if
#if MUTANT == 8
        :: row[0] == QUEUED || row[0] == EXECUTING -> found = 0
        :: row[2] == QUEUED || row[2] == EXECUTING -> found = N - 1
#else
        :: row[0] == QUEUED -> found = 0
        :: row[2] == QUEUED -> found = N - 1
#endif
        :: skip                  /* missed */
        fi;
        if
        :: found != NONE ->
            answer[r] = found;
            if :: need[found] < mine -> need[found] = mine :: else fi
        :: else
        fi
    }
#if MUTANT == 7
    atomic { wanted++; mine = wanted; if :: found != NONE && need[found] < mine -> need[found] = mine :: else fi }
#endif
    if
    :: found != NONE -> goto answered
    :: else
    fi;

    /* The row's own id makes it the same request however often it is sent. */
send:
    atomic {
        if
        :: row[r] != ABSENT      /* 1062, or found in history: it is there already */
#if MUTANT == 9
        :: row[r] == ENDED -> row[r] = QUEUED
#endif
        :: row[r] == ABSENT -> row[r] = QUEUED; need[r] = mine
        :: row[r] == ABSENT && losses < LOSSES -> losses++; goto send      /* not committed, and not known */
        fi;
        if
        :: losses < LOSSES && sends == 0 -> losses++; sends++; goto send   /* committed, and not known */
        :: answer[r] = r
        fi
    }
answered:
    atomic { mine = 0; found = 0; sends = 0 }
}

/* One at a time; that a worker has several slots makes no difference to one target. */
proctype Worker(byte w) {
    byte i = NONE, d, read, f;
    bool isDone;

    do
    /* Claim, and fold, in one transaction. */
    :: atomic {
        lives[w] && TARGET_IS_FREE && coming == NONE &&
            (row[0] == QUEUED && !locked[0] || row[1] == QUEUED && !locked[1] || row[2] == QUEUED && !locked[2]) ->
        if
        :: row[0] == QUEUED && !locked[0] -> i = 0
        :: row[1] == QUEUED && !locked[1] -> i = 1
        :: row[2] == QUEUED && !locked[2] -> i = N - 1
        fi;
        if
        :: take(i, w); d = delivery[i]
        :: losses < LOSSES -> losses++; i = NONE                            /* not committed, and not known */
        :: losses < LOSSES -> losses++; take(i, w); i = NONE                /* committed, and not known */
        :: losses < LOSSES -> losses++; locked[i] = true; coming = i; sender = w; i = NONE
        fi
       }
       if
       :: i == NONE -> goto next
       :: else
       fi;

#if MUTANT == 4
       read = wanted;
       atomic { if :: OURS(i, w, d) -> fold_into(i) :: else fi };
#else
       read = wanted;            /* the wanted state is read once the claim has been committed */
#endif
       isDone = true;
       if
       :: skip
       :: failures < FAILURES -> failures++; isDone = false
       fi;

       /* Settle, until the database has answered. */
settle:
       atomic {
        if
        :: OURS(i, w, d) && isDone -> end_with(i, read)
        :: OURS(i, w, d) && !isDone -> row[i] = QUEUED; session[i] = NOBODY
        :: OURS(i, w, d) && losses < LOSSES -> losses++; goto settle        /* not committed, and not known */
        :: !OURS(i, w, d) ->     /* somebody else's, or settled before */
            assert(!(REACH == 2 && row[i] == EXECUTING) && !(REACH == 3 && row[i] == ENDED && lives[w]))
        fi;
        if
        :: losses < LOSSES -> losses++; goto settle                         /* committed, and not known */
        :: i = NONE; d = 0; read = 0
        fi
       }
next:  skip

    /* What the database says that we run, and we do not know: a claim whose answer was lost. */
#if MUTANT != 10
    :: atomic {
        lives[w] && (row[0] == EXECUTING && session[0] == w || row[1] == EXECUTING && session[1] == w ||
            row[2] == EXECUTING && session[2] == w) ->
        if
        :: row[0] == EXECUTING && session[0] == w -> f = 0
        :: row[1] == EXECUTING && session[1] == w -> f = 1
        :: row[2] == EXECUTING && session[2] == w -> f = N - 1
        fi;
        assert(REACH != 4);
        row[f] = QUEUED; session[f] = NOBODY; f = 0
       }
#endif
    od
}

/* A COMMIT that arrives late. The server has checked the session under the same locks as the claim. */
proctype Server() {
    byte f;

    do
    :: atomic { coming != NONE ->
        locked[coming] = false;
        if
        :: take(coming, sender); assert(REACH != 5)
        :: skip                  /* the connection's end has rolled it back */
        fi;
        coming = NONE }
    od
}

#if MUTANT == 12
#define HAS_CLAIM_UNDER_WAY(w) (false)
#else
#define HAS_CLAIM_UNDER_WAY(w) (coming != NONE && sender == w)
#endif

inline declare_dead(w) {
    deaths++; lives[w] = false;
    f = 0;
    do
    :: f < N ->
        if
#if MUTANT == 11
        :: row[f] == EXECUTING && session[f] == w -> session[f] = NOBODY
#else
        :: row[f] == EXECUTING && session[f] == w -> row[f] = QUEUED; session[f] = NOBODY
#endif
        :: else
        fi;
        f++
    :: else -> break
    od;
    f = 0
}

/* Declares a session dead, whose process may be anything. It waits for the transactions that hold the session's row. */
proctype Reaper() {
    byte f;

    do
    :: atomic { deaths < DEATHS && !HAS_CLAIM_UNDER_WAY(0) -> declare_dead(0) }
    :: atomic { deaths < DEATHS && !HAS_CLAIM_UNDER_WAY(1) -> declare_dead(1) }
    :: break
    od
}

proctype Operator() {
    byte f;

    do
    :: atomic { cancels < CANCELS && row[0] == QUEUED && !locked[0] ->
        cancels++; return_followers(0); need[0] = 0; end_row(0, 0) }
    :: atomic { cancels < CANCELS && row[1] == EXECUTING ->
        cancels++; return_followers(1); need[1] = 0; end_row(1, 0) }
    :: break
    od
}

init {
    byte r;

    atomic {
        do
        :: r < N -> session[r] = NOBODY; primary[r] = NONE; answer[r] = NONE; run Caller(r); r++
        :: else -> break
        od;
        r = 0; lives[0] = true; lives[1] = true;
        run Worker(0); run Worker(1); run Server(); run Reaper(); run Operator()
    }
    timeout ->
    r = 0;
    do
    :: r < N ->
        assert(answer[r] != NONE);
        assert(row[answer[r]] == ENDED);
        assert(row[r] == ABSENT || row[r] == ENDED);
        r++
    :: else -> break
    od
}
