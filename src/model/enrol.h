/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* The enrol string that `wgkeeper-node init` prints: "wgk1:HOST:PORT:PIN:KEY". An IPv6 host stands in
 * brackets, PIN is the SHA-256 of the HTTPS key (SubjectPublicKeyInfo) in base64url. */

#include "base/err.h"
#include "base/span.h"

enum { ENROL_PIN_SIZE = 32 };

/** Spans point into the text. */
struct enrol {
	struct span host, port, api_key;
	unsigned char pin[ENROL_PIN_SIZE];
};

/** REASON_INVALID_FIELD with field "enrol"; the message shows nothing of the text. */
int enrol_parse(struct span text, struct enrol *ret_enrol, struct err *err) must_check;
