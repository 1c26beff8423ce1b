/* Requests that adopt a waiting operation while somebody starts it, on several servers that commit in one order.
   operations.pml has the same on one server, with everything that can go wrong there; here it is about what a read
   shows. The protocol is in docs/architecture.md, "Five ideas", 2 and 3.

   Checked: whoever is answered by an operation is served by an execution that has read the wanted state after that
   request's change; every operation ends once. deploy/check-models checks that, and that it no longer holds when one
   of the guards (MUTANT) is taken away.

   Commits have one order and numbers. A server shows all of them up to the last one that it has applied. A transaction
   is refused when one that its server had not applied yet has written a row of its write set, as Galera does. */

#ifndef MUTANT
#define MUTANT 0                 /* the guard that is taken away: README.md lists them */
#endif
#ifndef REACH
#define REACH 0                  /* the state that has to be reachable, so that the model is known to check something */
#endif
#ifndef SERVERS
#define SERVERS 2
#endif
#ifndef FRESH
#define FRESH 0                  /* 1: a read waits for everything that has been committed (wsrep_sync_wait) */
#endif
#ifndef MOVES
#define MOVES 0                  /* 1: a process may write to one server and then read from another one */
#endif

#ifndef N
#define N 2                      /* requests, each with a change of the wanted state of its own */
#endif
#define NONE N

/* Commits. A number is a place in their order; 0: not yet. */
byte last = 0;
byte inserted[N], started[N], ended[N];
byte changed[N];                 /* the change of a request */
byte primary[N];                 /* the operation by whose execution this one ends */
byte applied[SERVERS];           /* the last commit that a server shows */

byte answer[N];
byte read_at[N];                 /* the last commit that the execution's read of the wanted state has shown */

#define IS_QUEUED(i, s) (inserted[i] != 0 && inserted[i] <= applied[s] && (started[i] == 0 || started[i] > applied[s]))
#define IS_EXECUTING(i, s) (started[i] != 0 && started[i] <= applied[s] && (ended[i] == 0 || ended[i] > applied[s]))

#define CAN_CLAIM(s) (IS_QUEUED(0, s) || IS_QUEUED(1, s) || IS_QUEUED(N - 1, s))

/* A server has applied all that comes before when it commits. */
inline commit(s) { last++; applied[s] = last }

inline any_server(s) {
    s = 0;
#if SERVERS > 1
    if :: s = 0 :: s = 1 fi
#endif
}

/* Before a read: which server it asks, and what that one waits for. */
inline turn_to_read(s, mayMove) {
    if
    :: skip
#if SERVERS > 1
    :: mayMove -> s = 1 - s
#endif
    fi;
#if FRESH
    applied[s] = last
#endif
}

/* A caller commits a change, then asks for the work. */
proctype Caller(byte r) {
    byte s;

#if MUTANT == 1
    atomic { any_server(s) };
#else
    atomic { any_server(s); commit(s); changed[r] = last };
#endif
    atomic {
#if MUTANT == 2
        turn_to_read(s, true);
#else
        turn_to_read(s, MOVES);
#endif
        if
#if MUTANT == 3
        :: IS_QUEUED(0, s) || IS_EXECUTING(0, s) -> answer[r] = 0
        :: IS_QUEUED(N - 1, s) || IS_EXECUTING(N - 1, s) -> answer[r] = N - 1
#else
        :: IS_QUEUED(0, s) -> answer[r] = 0
        :: IS_QUEUED(N - 1, s) -> answer[r] = N - 1
#endif
        :: skip                  /* missed */
        fi;
        assert(!(REACH == 1 && answer[r] != NONE && started[answer[r]] != 0));
    };
#if MUTANT == 1
    atomic { commit(s); changed[r] = last };
#endif
    atomic {
        if
        :: answer[r] == NONE -> commit(s); inserted[r] = last; answer[r] = r
        :: else
        fi;
        s = 0
    }
}

/* Claims and folds in one transaction; then reads; then ends all of it. */
proctype Worker() {
    byte s, i = NONE, f, at;
    bool isRefused;

    do
    :: atomic {
        CAN_CLAIM(0) || CAN_CLAIM(SERVERS - 1) ->
        if
        :: CAN_CLAIM(0) -> s = 0
        :: CAN_CLAIM(SERVERS - 1) -> s = SERVERS - 1
        fi;
        if
        :: IS_QUEUED(0, s) -> i = 0
        :: IS_QUEUED(1, s) -> i = 1
        :: IS_QUEUED(N - 1, s) -> i = N - 1
        fi;
        /* The write set: the operation and its followers, all as this server shows them. */
        isRefused = (started[i] != 0);
        f = 0;
        do
#if MUTANT != 4
        :: f < N && IS_QUEUED(f, s) && started[f] != 0 -> isRefused = true; f++
        :: f < N && !(IS_QUEUED(f, s) && started[f] != 0) -> f++
#endif
        :: else -> break
        od;
        f = 0;
        if
        :: isRefused -> assert(REACH != 2); isRefused = false; i = NONE; goto next
        :: else
        fi
#if MUTANT == 5
        ; at = applied[s]
#endif
        ;
        assert(!(REACH == 3 && (inserted[0] > applied[s] || inserted[1] > applied[s])));
        primary[i] = i;
        do
        :: f < N && f != i && IS_QUEUED(f, s) -> primary[f] = i; f++
        :: f < N && !(f != i && IS_QUEUED(f, s)) -> f++
        :: else -> break
        od;
        f = 0;
        commit(s);
        do
        :: f < N && primary[f] == i -> started[f] = last; f++
        :: f < N && primary[f] != i -> f++
        :: else -> break
        od;
        f = 0
       };
#if MUTANT != 5
       atomic {
#if MUTANT == 6
        turn_to_read(s, true);
#else
        turn_to_read(s, MOVES);
#endif
        at = applied[s]
       };
#endif
       atomic {
        commit(s);
        do
        :: f < N && primary[f] == i -> assert(ended[f] == 0); ended[f] = last; read_at[f] = at; f++
        :: f < N && primary[f] != i -> f++
        :: else -> break
        od;
        f = 0; i = NONE; at = 0
       };
next:  s = 0
    od
}

/* A server applies the next commit. */
proctype Server(byte s) {
    do
    :: atomic { applied[s] < last -> applied[s]++ }
    od
}

init {
    byte r;

    atomic {
        do
        :: r < N -> primary[r] = NONE; answer[r] = NONE; run Caller(r); r++
        :: else -> break
        od;
        r = 0;
        do
        :: r < SERVERS -> run Server(r); r++
        :: else -> break
        od;
        r = 0; run Worker(); run Worker()
    }
    timeout ->
    do
    :: r < N ->
        assert(answer[r] != NONE && ended[answer[r]] != 0);
        assert(changed[r] <= read_at[answer[r]]);
        assert(inserted[r] == 0 || ended[r] != 0);
        r++
    :: else -> break
    od
}
