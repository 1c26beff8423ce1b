/* The message from daemon to keeper; both ends are this library, in the same build. */
#ifndef CSPAWN_ORDERS_H
#define CSPAWN_ORDERS_H

#include <stdint.h>

struct cspawn_order {
    int32_t kind; /* enum cspawn_order_kind */
    int32_t reserved;
    int64_t value;
};

#endif
