/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model/node_ready.h"

/* clang-format off */
const struct word node_check_state_words[] = {
	{ NODE_CHECK_OK, "ok" }, { NODE_CHECK_WARNING, "warning" }, { NODE_CHECK_FAILED, "failed" }, { 0 },
};

#define CHECK(member, ...) FIELD(struct node_check, member, __VA_ARGS__)
static const struct field check_fields[] = {
	CHECK(name, .max = 32, .doc = "What was looked at: device, store, forwarding, clock, certificate, disk."),
	CHECK(state, .words = node_check_state_words, .doc = "What was found."),
	CHECK(detail, .max = 127, .doc = "A sentence about it."),
	CHECK(remedy, .flags = F_NULLABLE, .max = 255, .doc = "What mends it: a command, or what to do."),
	{ 0 },
};
const struct type node_check_type = TYPE(struct node_check, "NodeCheck", check_fields);

#define READY(member, ...) FIELD(struct node_ready, member, __VA_ARGS__)
static const struct field ready_fields[] = {
	READY(epoch, .doc = "The store's epoch."),
	READY(revision, .doc = "The store's revision."),
	READY(ready, .doc = "Whether the device can be read, as /readyz says."),
	READY(checks, .of = FIELD_OBJECT, .type = &node_check_type, .max = 16, .doc = "What was looked at."),
	{ 0 },
};
const struct type node_ready_type = TYPE(struct node_ready, "NodeReady", ready_fields);
/* clang-format on */
