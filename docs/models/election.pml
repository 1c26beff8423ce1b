/* The lease of the elected node as several servers, clock steps and failovers show it, and writes under its term.
   What time, late requests and witnesses do to one row on one server is in database_outage.pml. The protocol is in
   ElectionState and Tenure.

   Checked, by CLAIM: two gates are never open at the same time, and a write takes effect only while its term is the
   row's; a term has one holder; no process takes a term that it has seen before. deploy/check-models checks which of
   them hold, and that they no longer do when one of the guards (MUTANT) is taken away.

   A process may stand still between any two of its steps (SIGSTOP) while time goes on by ticks; its gate is the
   kernel's, and closes by itself. All clocks that leases are counted on run equally fast; the database's may be set. */

#ifndef N
#define N 2                      /* nodes; node 0 leads at the start */
#endif
#ifndef MUTANT
#define MUTANT 0                 /* the guard that is taken away: README.md lists them */
#endif
#ifndef REACH
#define REACH 0                  /* the state that has to be reachable, so that the model is known to check something */
#endif
#ifndef CLAIM
#define CLAIM 1                  /* a sum of 1: gates and writes; 2: a term has one holder; 4: no process takes a term
                                    that it has seen */
#endif
#ifndef VERSIONS
#define VERSIONS 4               /* writes of the lease's row, at most */
#endif
#ifndef WRITERS
#define WRITERS 0                /* 1: every node has a server of its own, which may lag behind; Galera refuses */
#endif
#ifndef LOSSES
#define LOSSES 0                 /* failovers to a replica that lacks the last commits */
#endif
#ifndef MEMORY
#define MEMORY 0                 /* 1: a process takes the term after the highest that it has seen */
#endif
#ifndef ANEW
#define ANEW 0                   /* 1: a candidate waits anew when it is connected to another server */
#endif

#define FENCE 2                  /* ticks for which a renewal keeps the tenure */
#define LEASE 3                  /* ticks for which a candidate has to see no renewal */
#define NONE 255

/* Every version that the row ever had, lost ones too. */
byte term[VERSIONS + 1], renewals[VERSIONS + 1], holder[VERSIONS + 1];
byte last = 0;
byte row = 0;                    /* the version that the servers agree on */
byte shown[N];                   /* with WRITERS, the one that the node's server shows */
byte replica = 0;                /* what a failover would leave */
byte server = 0;                 /* rises with each failover */
byte expires = LEASE;            /* by the database's clock */
byte locker = 0;                 /* the node whose transaction has the row locked, plus 1 */
byte written = 0;                /* the term of the last write that took effect */
byte holder_of[VERSIONS + 3];    /* by term */

/* Each process. */
byte seen[N], seen_on[N];        /* the version that it saw last, and on which server */
byte still[N];                   /* for how long it has stood still */
byte highest[N];                 /* the highest term that it has seen or held */
byte leads[N], left[N];          /* its term; the time until its tenure ends */
byte writing[N];                 /* the term of a write that it has begun */
byte held[N];                    /* the version of the lease under which that is about to commit, plus 1 */
byte gate[N];                    /* the kernel's: for how long it is open */

#if WRITERS
#define SHOWN(n) (shown[n])
#define IS_FREE(n) (true)
#define IS_ACCEPTED(n) (shown[n] == row)
#else
#define SHOWN(n) (row)
#define IS_FREE(n) (locker == 0)
#define IS_ACCEPTED(n) (true)
#endif

#if MUTANT == 2 || MUTANT == 3
#define MAY_COMMIT(n) (true)
#else
#define MAY_COMMIT(n) (!WRITERS || held[n] == row + 1)
#endif

#define IS_SAME(a, b) (term[a] == term[b] && renewals[a] == renewals[b])

inline highest_of(n, a) {
    if
    :: highest[n] < a -> highest[n] = a
    :: else
    fi
}

inline write(n, a) {
    last++; term[last] = a; holder[last] = n; renewals[last] = renewals[row] + 1;
    row = last; shown[n] = last; expires = LEASE
}

inline abandon(n) {
    writing[n] = 0; held[n] = 0;
    if
    :: locker == n + 1 -> locker = 0
    :: else
    fi
}

inline forget(n) { seen[n] = NONE; seen_on[n] = 0; still[n] = 0 }

inline end_tenure(n) { leads[n] = 0; left[n] = 0 }

proctype Node(byte n) {
    byte v;

    do
    /* A candidate reads the row. */
    :: d_step { leads[n] == 0 ->
        v = SHOWN(n);
        if
        :: seen[n] != NONE && IS_SAME(seen[n], v) && holder[seen[n]] == holder[v] && !(ANEW && seen_on[n] != server)
        :: else -> still[n] = 0
        fi;
        seen[n] = v; seen_on[n] = server; v = 0;
        highest_of(n, term[seen[n]]) }

    /* It takes the lease, if the row then still is as it was seen. */
#if MUTANT == 1
    :: d_step { leads[n] == 0 && seen[n] != NONE && expires == 0 && IS_FREE(n) && last < VERSIONS ->
#else
    :: d_step { leads[n] == 0 && seen[n] != NONE && still[n] >= LEASE && IS_FREE(n) && last < VERSIONS ->
#endif
        if
        :: IS_SAME(seen[n], SHOWN(n)) && IS_ACCEPTED(n) && !(ANEW && seen_on[n] != server) ->
            v = term[row] + 1;
#if MEMORY
            if
            :: v <= highest[n] -> v = highest[n] + 1
            :: else
            fi;
#endif
            assert(!(CLAIM & 2) || holder_of[v] == NONE);
            assert(!(CLAIM & 4) || v > highest[n]);
            assert(!(REACH == 4 && server != 0));
            holder_of[v] = n;
            write(n, v);
            leads[n] = v; left[n] = FENCE; highest_of(n, v); v = 0
        :: else -> assert(!(REACH == 3 && !IS_ACCEPTED(n)))
        fi;
        forget(n) }

    /* The leader renews. */
    :: d_step { leads[n] != 0 && IS_FREE(n) && held[n] == 0 && last < VERSIONS ->
        if
        :: term[SHOWN(n)] == leads[n] && holder[SHOWN(n)] == n && IS_ACCEPTED(n) -> write(n, leads[n]); left[n] = FENCE
        :: else -> end_tenure(n); gate[n] = 0
        fi }

    /* It moves the moment at which its gate closes. */
    :: d_step { left[n] != 0 && gate[n] != left[n] ->
        v = 0;
        do
        :: v < N -> assert(!(CLAIM & 1) || v == n || gate[v] == 0); v++
        :: else -> break
        od;
        v = 0;
        assert(!(REACH == 1 && n != 0));
        gate[n] = left[n] }

    /* It writes under its term: looks at its tenure, then at the row, then commits. */
    :: d_step { leads[n] != 0 && writing[n] == 0 -> writing[n] = leads[n] }
    :: d_step { writing[n] != 0 && held[n] == 0 && IS_FREE(n) ->
        if
#if MUTANT == 4
        :: true ->
#elif MUTANT == 5
        :: holder[SHOWN(n)] == n ->
#elif MUTANT == 6
        :: term[SHOWN(n)] == writing[n] ->
#else
        :: term[SHOWN(n)] == writing[n] && holder[SHOWN(n)] == n ->
#endif
            held[n] = SHOWN(n) + 1;
#if !WRITERS && MUTANT != 2
            locker = n + 1
#endif
        :: else -> assert(REACH != 2); abandon(n)
        fi }
    :: d_step { held[n] != 0 ->
        if
        :: MAY_COMMIT(n) ->
            assert(!(CLAIM & 1) || holder[row] == n && term[row] == writing[n]);
            assert(!(CLAIM & 1) || LOSSES || written <= writing[n]);
            written = writing[n]
        :: else
        fi;
        abandon(n) }

    /* The process dies, and another one is started. */
    :: d_step { end_tenure(n); forget(n); abandon(n); highest[n] = 0 }
    od
}

/* Time; the database's clock is set; servers catch up; a failover. */
proctype World() {
    byte n;

    do
    :: d_step {
        do
        :: n < N ->
            if :: still[n] < LEASE && seen[n] != NONE -> still[n]++ :: else fi;
            if :: left[n] > 0 -> left[n]--; if :: left[n] == 0 -> end_tenure(n) :: else fi :: else fi;
            if :: gate[n] > 0 -> gate[n]-- :: else fi;
            n++
        :: else -> break
        od;
        n = 0;
        if :: expires > 0 -> expires-- :: else fi }
    :: d_step { expires > 0 -> expires = 0 }
#if WRITERS
    :: shown[0] != row -> shown[0] = row
    :: shown[1] != row -> shown[1] = row
#endif
#if LOSSES
    :: replica != row -> replica = row
    :: d_step { server < LOSSES && replica != row ->
        server++; row = replica;
        do
        :: n < N -> abandon(n); n++
        :: else -> break
        od;
        n = 0 }
#endif
    od
}

init {
    byte n;

    atomic {
        do
        :: n < VERSIONS + 3 -> holder_of[n] = NONE; n++
        :: else -> break
        od;
        n = 0;
        term[0] = 1; holder_of[1] = 0;
        leads[0] = 1; left[0] = FENCE; gate[0] = FENCE; highest[0] = 1;
        do
        :: n < N -> seen[n] = NONE; run Node(n); n++
        :: else -> break
        od;
        n = 0;
        run World()
    }
}
