#ifndef CNETLINK_CLOSING_H
#define CNETLINK_CLOSING_H

#include <errno.h>
#include <unistd.h>

/* Closes what could not be made whole, and keeps the error that said so. */
static inline int closing(int descriptor) {
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

#endif
