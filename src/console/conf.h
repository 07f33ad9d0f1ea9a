/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What the Console is told, by the environment only. */

#include "base/field.h"

struct console_conf {
	int64_t port, session_ttl_s;
	const char *bind, *admin_username;
	struct secret database_url; /* it may hold a password */
	struct secret secret_key, admin_password;
	bool cookie_secure;
	struct list trusted_proxies; /* of struct cidr */
};

extern const struct type console_conf_type;

/** Reads the environment. REASON_CONFIG: the field is the variable; no value is in the message. */
int console_conf_read(struct console_conf *ret_conf, struct arena *arena, struct err *err) must_check;
