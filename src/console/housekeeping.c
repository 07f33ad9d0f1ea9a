/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/housekeeping.h"

#include "console/store/once.h"
#include "log/log.h"

void housekeeping_streams(struct console *console, struct db *db)
{
	struct event_owner owners[EVENTS_STREAMS_MAX];
	size_t n = events_owners(console->events, owners);
	struct err err;

	for (size_t i = 0; i < n; i++) {
		bool alive;
		int r = owners[i].way == WAY_TOKEN
			? store_token_alive(db, &owners[i].credential, &alive, &err)
			: store_session_alive(db, &owners[i].credential, &alive, &err);

		if (r < 0) {
			log_warn("sessions of streams could not be looked at", LOG_ERR(&err));
			return;
		}
		if (!alive)
			events_end(console->events, &owners[i].credential);
	}
}

void housekeeping_sweep(struct db *db)
{
	struct err err;

	if (store_once_sweep(db, &err) < 0)
		log_warn("old answers could not be removed", LOG_ERR(&err));
}
