/* A leader that loses the database keeps its gate open while all its witnesses confirm its lease over the mesh.
   The protocol, its words and the reason for each guard are in docs/decisions/database-outage.md.

   Checked: the gates of two nodes are never open at the same time. deploy/check-models checks that, and that it no
   longer holds when one of the guards (MUTANT) is taken away.

   One block is one step of a process, of the database or of a kernel. Only a kernel's timer must run out before time
   goes on. So the runs include a process that is stopped, slow or cut off, a database that is away or hangs, and a
   request that arrives late or never. A message over the mesh can be received from its sending on: it may be lost,
   delayed, reordered and duplicated. There are no roles: every process may try to take the lease at any moment, so
   the runs include a node that is added, removed, or given or denied the role meanwhile. No time is ever sent, so
   clocks may differ by any amount; they run equally fast, but for DRIFT.

   To keep it small, what can have no effect any more is forgotten at once: a request that the database would refuse,
   an answer that comes too late to be used, the age of a version that is not the newest. */

#ifndef N
#define N 2                      /* nodes; node 0 leads at the start */
#endif
#ifndef MUTANT
#define MUTANT 0                 /* the guard that is taken away: README.md lists them */
#endif
#ifndef REACH
#define REACH 0                  /* the state that has to be reachable, so that the model is known to check something */
#endif
#ifndef LIVE
#define LIVE 0                   /* 1: the database is away, everything else is well and in time */
#endif
#ifndef VERSIONS
#define VERSIONS 4               /* versions of the lease's row, at most */
#endif
#ifndef LISTS
#define LISTS 2                  /* lists of witnesses that one term may have, at most */
#endif
#ifndef DRIFT
#define DRIFT 0                  /* 0: all clocks tick together; 2: each may be a tick ahead, later a tick behind */
#endif

/* Durations, in ticks. */
#define FENCE 2                  /* a confirmed renewal, or round of confirmations, keeps the tenure so long */
#define LATE 1                   /* nft may take effect so much later than its timeout was computed */
#if MUTANT == 12
#define LEASE (FENCE + DRIFT)
#else
#define LEASE (FENCE + LATE + DRIFT)   /* a witness waits so long after it last saw or confirmed a renewal */
#endif
#define OUTAGE (LEASE + 2)       /* who is not a witness waits so long after it last saw a renewal */
#define BOUND (OUTAGE - LATE - DRIFT)  /* a tenure ends so long after its last renewal, whoever confirms */

#define ME(n) (1 << n)           /* a node, in a list of witnesses */
#define WITHDRAWN (1 << N)       /* in place of a list: nobody waits for OUTAGE, and a round is confirmed by nobody */

/* The row of the lease. */
byte version = 1, term = 1, holder = 0;
bool held = true;
byte list = 0, listed = 0;       /* the witnesses, and that list's number within the term; 0: none */

/* Each process as a candidate. */
byte seen[N];                    /* what it saw last: */
#define NOTHING 0
#define NEWEST 1                 /* the version that is the newest still */
#define OLDER 2
byte patience[N];                /* how long that version has to stand still before this process takes the lease */
byte still[N];                   /* for how long it has stood still, or since its leader was last confirmed */

/* Each process as the leader. */
byte leads[N];                   /* its term; 0: it does not lead */
byte left[N];                    /* the time until its tenure ends; a tenure that is over stays over */
byte age[N];                     /* the time since its last confirmed renewal was sent; counted once there is a list */
byte sure[N], sure_list[N];      /* number and witnesses of the newest list that is confirmed to be in the row */
byte sent[N], sent_list[N];      /* the same of the newest list that was sent */
byte unsure[N];                  /* all witnesses of lists that were sent after the confirmed one */
bit asks[N];                     /* whether a round of asking runs */
byte asked_age[N];               /* the time since it was begun */
byte asked[N];                   /* the witnesses that have to confirm it */
byte answers[N];                 /* those that have */

/* Requests to the database: one that is waited for, and one that was given up and may be executed nevertheless. */
#define RENEW 1
#define ACQUIRE 2
#define RESIGN 3
byte kind[N], of_term[N], of_list[N], of_number[N], since[N];
bit done[N];
byte late_kind[N], late_term[N], late_list[N], late_number[N];

/* Kernels. */
byte gate[N];                    /* for how long it is open */
byte loading[N], loading_age[N]; /* the timeout that nft is about to set, and since when */

byte ahead = 0;
bit voted = 0;

inline free_request(w) {
  kind[w] = 0; of_term[w] = 0; of_list[w] = 0; of_number[w] = 0; since[w] = 0; done[w] = 0
}

inline free_late(w) { late_kind[w] = 0; late_term[w] = 0; late_list[w] = 0; late_number[w] = 0 }

/* Nobody waits for the request any more. */
inline give_up(w) {
  if
  :: kind[w] != 0 && !done[w] && late_kind[w] == 0 ->
     late_kind[w] = kind[w]; late_term[w] = of_term[w]; late_list[w] = of_list[w]; late_number[w] = of_number[w]
  :: else
  fi;
  free_request(w)
}

inline end_round(w) { asks[w] = 0; asked_age[w] = 0; asked[w] = 0
#if MUTANT != 3
  ; answers[w] = 0
#endif
}

/* The tenure is over. */
inline end_tenure(w) {
  leads[w] = 0; left[w] = 0; age[w] = 0; sure[w] = 0; sure_list[w] = 0; sent[w] = 0; sent_list[w] = 0; unsure[w] = 0;
  end_round(w); answers[w] = 0;
  if
  :: kind[w] == RENEW -> give_up(w)
  :: else
  fi
}

inline forget(w) { seen[w] = NOTHING; patience[w] = 0; still[w] = 0 }

/* The row has another version: what names an older one, or a term that is over, has no effect any more. */
inline outdate(w) {
  w = 0;
  do
  :: w < N ->
#if MUTANT != 13
     if
     :: seen[w] != NOTHING -> seen[w] = OLDER; still[w] = 0; patience[w] = (patience[w] -> OUTAGE : 0)
     :: else
     fi;
     if
     :: kind[w] == ACQUIRE && !done[w] -> free_request(w); forget(w)
     :: else
     fi;
     if
     :: late_kind[w] == ACQUIRE -> free_late(w)
     :: else
     fi;
#endif
     if
     :: kind[w] == RENEW && !done[w] && (!held || of_term[w] != term) -> free_request(w)
     :: else
     fi;
     if
     :: late_kind[w] != 0 && late_kind[w] != ACQUIRE && (!held || late_term[w] != term) -> free_late(w)
     :: else
     fi;
     w++
  :: else -> break
  od
}

inline renew(who, number) {
  version++;
#if MUTANT == 9
  list = who; listed = number
#else
  if
  :: number > listed -> list = who; listed = number
  :: else
  fi
#endif
}

inline acquire(w) {
  version++; term++; held = true; holder = w;
#if MUTANT != 15
  list = 0; listed = 0
#endif
}

inline extend(w, time) {
  if
  :: time > left[w] -> left[w] = time
  :: else
  fi
}

proctype Node(byte n) {
  byte k; byte l;
end:
  do
#if !LIVE
  /* A candidate reads the row. A slow read only makes it wait longer, so it is one step. */
  :: d_step { leads[n] == 0 && kind[n] == 0 && seen[n] != NEWEST ->
       seen[n] = NEWEST; still[n] = 0;
       if
       :: !held -> patience[n] = 0
#if MUTANT == 5
       :: else -> patience[n] = LEASE
#else
       :: held && (listed == 0 || holder == n || (list & (ME(n) | WITHDRAWN))) -> patience[n] = LEASE
       :: else -> patience[n] = OUTAGE
#endif
       fi;
#if MUTANT == 6
       still[n] = patience[n]
#endif
       }

  /* A candidate takes the lease, if the row then still is as it was seen. */
#if MUTANT == 13
  :: d_step { leads[n] == 0 && kind[n] == 0 && seen[n] != NOTHING && still[n] >= patience[n] && version < VERSIONS ->
#else
  :: d_step { leads[n] == 0 && kind[n] == 0 && seen[n] == NEWEST && still[n] >= patience[n] && version < VERSIONS ->
#endif
       kind[n] = ACQUIRE }
  :: d_step { kind[n] == ACQUIRE && done[n] ->
#if REACH == 3
       assert(patience[n] != OUTAGE);
#endif
       leads[n] = of_term[n]; left[n] = FENCE - since[n]; forget(n); free_request(n) }

  /* The leader renews, with the list as it was or with the next one. */
  :: d_step { leads[n] != 0 && kind[n] == 0 && version < VERSIONS ->
       kind[n] = RENEW; of_term[n] = leads[n]; of_list[n] = sent_list[n]; of_number[n] = sent[n] }
  :: atomic { leads[n] != 0 && kind[n] == 0 && version < VERSIONS && sent[n] < LISTS ->
       l = 0; k = 0;
       do
       :: k < N && k != n -> l = l | ME(k); k++
       :: k < N -> k++
       :: else -> break
       od;
       if
       :: l == 0 -> l = WITHDRAWN
       :: true
       fi;
       sent[n]++; sent_list[n] = l; unsure[n] = unsure[n] | l;
       kind[n] = RENEW; of_term[n] = leads[n]; of_list[n] = l; of_number[n] = sent[n]; k = 0; l = 0 }
  :: d_step { kind[n] == RENEW && done[n] ->
       extend(n, FENCE - since[n]);
       sure[n] = of_number[n]; sure_list[n] = of_list[n];
#if MUTANT != 18
       age[n] = (sure[n] -> since[n] : 0);
#else
       age[n] = 0;
#endif
       if
       :: sure[n] == sent[n] -> unsure[n] = 0
       :: else
       fi;
       free_request(n) }

  /* The leader resigns: it closes the gate, then gives the lease back. Nobody waits for that. */
  :: d_step { leads[n] != 0 && kind[n] == 0 && late_kind[n] == 0 && version < VERSIONS ->
#if MUTANT != 16
       gate[n] = 0; loading[n] = 0; loading_age[n] = 0;
#endif
       late_kind[n] = RESIGN; late_term[n] = leads[n]; end_tenure(n) }

  /* The connection is lost. */
  :: d_step { kind[n] != 0 -> give_up(n) }

#endif

  /* The process dies and another one is started: nothing is remembered. The gate is left to the kernel. */
#if LIVE
  :: d_step { n != 0 -> forget(n) }
#else
  :: d_step { give_up(n); end_tenure(n); forget(n) }
#endif

  /* The leader asks its witnesses: those of every list that may be in the row. It does so only when there surely is a
     list in the row, because only then do all others wait for OUTAGE. */
  :: d_step { leads[n] != 0 && (!asks[n] || asked_age[n] > 0) &&
#if MUTANT != 14
              sure[n] != 0 &&
#endif
#if LIVE
              !voted &&
#endif
              true ->
       end_round(n); asks[n] = 1;
#if MUTANT == 7
       asked[n] = sure_list[n]
#elif MUTANT == 8
       asked[n] = sent_list[n]
#elif MUTANT == 19
       asked[n] = (sure_list[n] | unsure[n]) & ~WITHDRAWN
#else
       asked[n] = sure_list[n] | unsure[n]
#endif
       }

  /* A witness confirms, whatever it has seen: it will not take the lease before another LEASE has passed. Or it
     refuses, which is no step. A question of an earlier round that arrives now would only make it wait longer. */
  :: d_step { leads[n] == 0 ->
       k = 0;
       do
       :: k < N && asks[k] && (answers[k] & ME(n)) == 0 ->
          answers[k] = answers[k] | ME(n);
#if MUTANT != 4
          still[n] = 0;
#endif
          break
       :: k < N && !(asks[k] && (answers[k] & ME(n)) == 0) -> k++
       :: else -> break
       od;
       k = 0 }

  /* All have confirmed. That is as good as a renewal that was sent when the round began, but for BOUND. */
#if MUTANT == 1
  :: d_step { asks[n] && (asked[n] == 0 || (asked[n] & answers[n])) ->
#else
  :: d_step { asks[n] && (asked[n] & ~answers[n]) == 0 ->
#endif
#if MUTANT == 2
       k = FENCE;
#else
       k = FENCE - asked_age[n];
#endif
#if MUTANT != 10
       if
       :: k > BOUND - age[n] -> k = BOUND - age[n]
       :: else
       fi;
#endif
#if MUTANT != 20
       extend(n, k);
#endif
#if LIVE || REACH == 2
       voted = 1;
#endif
       end_round(n); k = 0 }

  /* The leader moves the moment at which its gate closes by itself. */
  :: d_step { left[n] != 0 && loading[n] == 0 && gate[n] != left[n] -> loading[n] = left[n] }
  od
}

/* The database executes requests whenever it likes, also those for which nobody waits any more. */
proctype Database(byte n) {
  byte k;
end:
  do
  :: d_step { kind[n] == RENEW && !done[n] && version < VERSIONS ->
       done[n] = 1; renew(of_list[n], of_number[n]); outdate(k); k = 0 }
  :: d_step { late_kind[n] == RENEW && version < VERSIONS ->
       renew(late_list[n], late_number[n]); free_late(n); outdate(k); k = 0 }
  :: d_step { late_kind[n] == RESIGN && version < VERSIONS ->
       version++; held = false; free_late(n); outdate(k); k = 0 }
  :: d_step { kind[n] == ACQUIRE && !done[n] && version < VERSIONS ->
       acquire(n); done[n] = 1; of_term[n] = term; outdate(k); k = 0 }
  :: d_step { late_kind[n] == ACQUIRE && version < VERSIONS ->
       acquire(n); free_late(n); outdate(k); k = 0 }
  od
}

/* nft takes effect. */
proctype Kernel(byte n) {
  byte k;
end:
  do
  :: d_step { loading[n] != 0 ->
       k = 0;
       do
       :: k < N -> assert(k == n || gate[k] == 0); k++
       :: else -> break
       od;
#if REACH == 1
       assert(age[n] <= FENCE);
#elif REACH == 2
       assert(n == 0 || !voted);
#endif
       gate[n] = loading[n]; loading[n] = 0; loading_age[n] = 0; k = 0 }
  od
}

inline tick(w) {
  if
  :: still[w] < patience[w] -> still[w]++
  :: else
  fi;
  if
  :: kind[w] != 0 ->
     since[w]++;
     if
     :: since[w] == FENCE -> give_up(w)
     :: else
     fi
  :: else
  fi;
  if
  :: sure[w] != 0 && age[w] < BOUND -> age[w]++
  :: else
  fi;
  if
  :: asks[w] -> asked_age[w]++
  :: else
  fi;
  if
#if MUTANT == 2
  :: asked_age[w] == 2 * FENCE -> end_round(w)
#else
  :: asked_age[w] == FENCE -> end_round(w)
#endif
  :: else
  fi;
  if
  :: left[w] != 0 -> left[w]--
  :: else
  fi;
#if MUTANT != 11
  if
  :: leads[w] != 0 && left[w] == 0 -> end_tenure(w)
  :: else
  fi;
#endif
  if
  :: gate[w] != 0 -> gate[w]--
  :: else
  fi;
  if
  :: loading[w] != 0 && loading_age[w] < LATE -> loading_age[w]++
#if MUTANT != 17
  :: loading[w] != 0 && loading_age[w] == LATE -> loading[w] = 0; loading_age[w] = 0
#endif
  :: else
  fi
}

#if LIVE
/* Everything is done in time: between two ticks the leader asks, gets all answers and moves the end of its gate. */
proctype Clocks() {
  byte n; byte time;
end:
  do
  :: d_step { leads[0] != 0 && voted && loading[0] == 0 && gate[0] == left[0] ->
       voted = 0; time++; n = 0;
       do
       :: n < N -> tick(n); n++
       :: else -> break
       od;
       n = 0;
#if REACH == 1
       assert(time < BOUND);
#endif
       assert((gate[0] != 0) == (time < BOUND)) }
  od
}
#else
/* Time goes on by one tick: of all clocks, or of one that is not ahead of others. */
proctype Clock(byte n) {
end:
  do
#if DRIFT
  :: d_step { (ahead & (1 << n)) == 0 ->
       tick(n); ahead = ahead | (1 << n);
       if
       :: ahead == (1 << N) - 1 -> ahead = 0
       :: else
       fi }
#else
  :: d_step {
       n = 0;
       do
       :: n < N -> tick(n); n++
       :: else -> break
       od;
       n = 0 }
#endif
  od
}
#endif

init {
  byte n;
  atomic {
    leads[0] = 1; left[0] = FENCE; gate[0] = FENCE;
#if LIVE
    sent[0] = 1; sure[0] = 1; listed = 1; n = 1;
    do
    :: n < N ->
       list = list | ME(n); seen[n] = NEWEST; patience[n] = LEASE; n++
    :: else -> break
    od;
    sent_list[0] = list; sure_list[0] = list;
#endif
    n = 0;
    do
    :: n < N ->
       run Node(n); run Kernel(n);
#if !LIVE
       run Database(n);
#if DRIFT
       run Clock(n);
#endif
#endif
       n++
    :: else -> break
    od;
    n = 0;
#if LIVE
    run Clocks()
#elif !DRIFT
    run Clock(0)
#endif
  }
}
