// The C client library of MariaDB, as Swift sees it. Only the target MariaDB imports this module.
#include <mysql.h>
#include <mysqld_error.h>
#include <errmsg.h>
