/* Shared by CSpawn.c and Keeper.c; everything here runs, or may run, in a forked copy of a multithreaded process. */
#ifndef CSPAWN_INTERNAL_H
#define CSPAWN_INTERNAL_H

#include "CSpawn.h"
#include <signal.h>

/* fork without glibc's fork, into the process namespace that the request asks for: see CSpawn.c. Both may be NULL. */
pid_t cspawn_fork(const struct cspawn_request *request, int *pidfd);

/* Every disposition back to its default. Returns 0 or errno. */
int cspawn_default_dispositions(void);

/* Turns the calling process into the program; on any error writes a cspawn_failure to `failure` and exits 127. */
_Noreturn void cspawn_become(const struct cspawn_request *request, pid_t parent, int failure);

/* Runs a keeper to its end. */
_Noreturn void cspawn_keep(const struct cspawn_request *request, struct cspawn_terms terms, int control);

#endif
