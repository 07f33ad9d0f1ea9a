/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Who may do what: the one table. A route's row names a permission; what is not in a
 * role's column is denied, and so is a role or a permission that is not here.
 */

#include "base/field.h"
#include "http/http.h"
#include "model/operators.h"

/* clang-format off */
/*      permission            word              administrator  operator  auditor   what it is for */
#define PERMISSIONS(X)                                                                                        \
	X(PERM_SESSION,        "self",            1,             1,        1,        "one's own account")          \
	X(PERM_READ,           "fleet.read",      1,             1,        1,        "nodes, peers and people")    \
	X(PERM_AUDIT_READ,     "audit.read",      1,             1,        1,        "the audit log")              \
	X(PERM_WRITE,          "access.write",    1,             1,        0,        "changing peers and people")  \
	X(PERM_NODE_CHECK,     "node.check",      1,             1,        0,        "asking a node now")          \
	X(PERM_NODE_WRITE,     "node.write",      1,             0,        0,        "adding and removing nodes")  \
	X(PERM_OPERATOR_READ,  "operator.read",   1,             0,        1,        "operators, as a list")       \
	X(PERM_OPERATOR_WRITE, "operator.write",  1,             0,        0,        "operators, their sessions and tokens") \
	X(PERM_TOKEN_READ,     "token.read",      1,             1,        1,        "API tokens of one's own")    \
	X(PERM_TOKEN_WRITE,    "token.write",     1,             1,        0,        "making API tokens")          \
	X(PERM_TOKEN_READ_ALL, "token.read_all",  1,             0,        1,        "everybody's API tokens, as a list")
/* clang-format on */

enum console_perm {
	PERM_OF_NOBODY = HTTP_PERM_ANYONE, /* what follows begins behind it */
#define X(permission, word, administrator, operator, auditor, what) permission,
	PERMISSIONS(X)
#undef X
	PERM_END,
};

/** Whether `role` has it. */
bool permission_of(int role, unsigned permission);

/** The permission's word, or NULL for what is none. */
const char *permission_word(unsigned permission);

/** Words of all that the role has, as a list of texts; without memory an empty one. */
struct list permission_words(int role, struct arena *arena);

/** Writes the roles that have it, with `between` them. */
void permission_put_roles(struct sbuf *out, unsigned permission, const char *between);
