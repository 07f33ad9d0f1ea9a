/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Listening sockets that outlive the processes that use them.
 *
 * For each there is a pair of Unix sockets in main, which never looks at them. The keeper
 * that opens a listening socket puts it in, where it waits as an unread message; every
 * later keeper looks at it there (MSG_PEEK). So neither a dead gate nor a dead keeper
 * loses the socket with its queue, and nobody needs the right to bind twice.
 */

#include <stdint.h>

#include "base/err.h"

enum listener { LISTENER_API, LISTENER_METRICS, N_LISTENERS };

/** In main, before there are children. */
int sockets_open(struct err *err) must_check;

/** In the gate: it gets what it serves from the keeper. */
void sockets_leave(void);

/** In the keeper: the socket that listens there, from an earlier one or new. A copy, the caller's to close.
 * REASON_CONFIG as http_listen(). */
int sockets_listen(enum listener which, const char *address, uint16_t port, int *ret_fd, struct err *err)
	must_check;
