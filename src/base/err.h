/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Errors, and the words for ownership.
 *
 * A function that can fail returns 0 or a negative `enum err_class`, and takes a
 * `struct err *` last. The error is filled in once, where it happens: a reason
 * (one row of the table below), the input field at fault, and a sentence with the
 * remedy. Everyone above hands the class on unchanged. Only the edges of a program
 * (the HTTP router, a job, main) turn it into a status, an exit code or a log
 * line, so one failure is one line in the log.
 */

#include <stddef.h>

/* clang-format off */
/*      class          exit  what the caller may conclude */
#define ERR_CLASSES(X)                                                        \
	X(ERR_INVALID,     2, "the input is not acceptable; see `field`")     \
	X(ERR_DENIED,      3, "this caller may not do this")                  \
	X(ERR_NOT_FOUND,   4, "there is no such object")                      \
	X(ERR_CONFLICT,    5, "the object exists already, or has changed")    \
	X(ERR_UNAVAILABLE, 6, "the database or a node is away; try again")    \
	X(ERR_INTERNAL,    1, "a bug, or the machine has run out of something")

/*      reason                      slug                     class            HTTP  title */
#define ERR_REASONS(X)                                                                                                  \
	/* the request itself */                                                                                        \
	X(REASON_INVALID_JSON,        "invalid_json",          ERR_INVALID,     400, "The body is not acceptable JSON")     \
	X(REASON_INVALID_FIELD,       "invalid_field",         ERR_INVALID,     400, "A field is not acceptable")           \
	X(REASON_UNKNOWN_FIELD,       "unknown_field",         ERR_INVALID,     400, "There is no such field")              \
	X(REASON_DUPLICATE_FIELD,     "duplicate_field",       ERR_INVALID,     400, "A field is given twice")              \
	X(REASON_MISSING_FIELD,       "missing_field",         ERR_INVALID,     400, "A required field is missing")         \
	X(REASON_READ_ONLY_FIELD,     "read_only_field",       ERR_INVALID,     400, "A field cannot be set")               \
	X(REASON_INVALID_PAGINATION,  "invalid_pagination",    ERR_INVALID,     400, "The page asked for is not acceptable") \
	X(REASON_OFFSET_TOO_DEEP,     "offset_too_deep",       ERR_INVALID,     400, "The offset is too deep")              \
	X(REASON_INVALID_CURSOR,      "invalid_cursor",        ERR_INVALID,     400, "The cursor is not acceptable")        \
	X(REASON_UNAUTHORIZED,        "unauthorized",          ERR_DENIED,      401, "Not signed in")                       \
	X(REASON_FORBIDDEN,           "forbidden",             ERR_DENIED,      403, "Not allowed")                         \
	X(REASON_CROSS_SITE,          "cross_site",            ERR_DENIED,      403, "The request came from another site")  \
	X(REASON_NOT_FOUND,           "not_found",             ERR_NOT_FOUND,   404, "There is nothing here")               \
	X(REASON_METHOD_NOT_ALLOWED,  "method_not_allowed",    ERR_INVALID,     405, "The method is not allowed here")      \
	X(REASON_TOO_LARGE,           "body_too_large",        ERR_INVALID,     413, "The request is too large")            \
	X(REASON_MEDIA_TYPE,          "unsupported_media_type", ERR_INVALID,    415, "The body must be JSON")               \
	X(REASON_EXISTS,              "already_exists",        ERR_CONFLICT,    409, "There is such an object already")     \
	X(REASON_CHANGED,             "changed",               ERR_CONFLICT,    412, "The object has changed meanwhile")    \
	X(REASON_IDEMPOTENCY,         "idempotency_key_reused", ERR_CONFLICT,   409, "The idempotency key was used for another request") \
	X(REASON_RATE_LIMITED,        "rate_limited",          ERR_UNAVAILABLE, 429, "Too many requests")                   \
	X(REASON_BUSY,                "busy",                  ERR_UNAVAILABLE, 503, "Too busy")                            \
	X(REASON_INTERNAL,            "internal",              ERR_INTERNAL,    500, "Internal error")                      \
	X(REASON_NO_MEMORY,           "no_memory",             ERR_INTERNAL,    500, "Out of memory")                       \
	/* a node's peers */                                                                                            \
	X(REASON_INVALID_PEER_ID,     "invalid_peer_id",       ERR_INVALID,     400, "The peer id is not a UUID v4")        \
	X(REASON_INVALID_EXPIRES_AT,  "invalid_expires_at",    ERR_INVALID,     400, "The expiry is not acceptable")        \
	X(REASON_INVALID_FAMILIES,    "invalid_address_families", ERR_INVALID,  400, "The address families are not acceptable") \
	X(REASON_FAMILY_UNSUPPORTED,  "unsupported_address_family", ERR_INVALID, 400, "The node does not serve this address family") \
	X(REASON_INVALID_KEY,         "invalid_key",           ERR_INVALID,     400, "The key is not acceptable")           \
	X(REASON_PEER_NOT_FOUND,      "peer_not_found",        ERR_NOT_FOUND,   404, "There is no such peer")               \
	X(REASON_NO_ADDRESS,          "no_available_ip",       ERR_CONFLICT,    409, "The address pool is used up")         \
	X(REASON_ADDRESS_IN_USE,      "address_in_use",        ERR_CONFLICT,    409, "The address belongs to another peer") \
	X(REASON_KEY_IN_USE,          "key_in_use",            ERR_CONFLICT,    409, "The key belongs to another peer")     \
	X(REASON_PEER_EXPIRED,        "peer_expired",          ERR_CONFLICT,    409, "The peer has expired")                \
	X(REASON_PEER_ENDED,          "peer_ended",            ERR_CONFLICT,    409, "The peer has ended")                  \
	X(REASON_PEER_QUARANTINED,    "peer_quarantined",      ERR_CONFLICT,    409, "The peer's address is not one of this node's") \
	X(REASON_GENERATION,          "generation_went_back",  ERR_CONFLICT,    409, "A newer change is already in place")  \
	X(REASON_NOT_ADOPTABLE,       "not_adoptable",         ERR_CONFLICT,    409, "The peer cannot be adopted as it is") \
	X(REASON_DRIFT_ACTION,        "wrong_drift_action",    ERR_CONFLICT,    409, "This is not what can be done about it") \
	X(REASON_DRIFT_NOT_FOUND,     "drift_not_found",       ERR_NOT_FOUND,   404, "Neither device nor store has this key") \
	X(REASON_DEVICE,              "wireguard_error",       ERR_INTERNAL,    500, "WireGuard refused the change")        \
	X(REASON_DEVICE_AWAY,         "wireguard_unavailable", ERR_UNAVAILABLE, 503, "The WireGuard interface is away")     \
	X(REASON_OUTCOME_UNKNOWN,     "outcome_unknown",       ERR_INTERNAL,    500, "The outcome is not known")            \
	X(REASON_STORE,               "store_unavailable",     ERR_UNAVAILABLE, 503, "The store cannot be written")         \
	X(REASON_STORE_FULL,          "store_full",            ERR_UNAVAILABLE, 507, "The disk is full")                    \
	X(REASON_KEEPER_AWAY,         "keeper_away",           ERR_UNAVAILABLE, 503, "The node is restarting")              \
	X(REASON_INVENTORY,           "inventory_mode",        ERR_CONFLICT,    409, "The node only looks, it changes nothing") \
	/* a node's API keys, and the audit log it is a witness of */                                                     \
	X(REASON_INVALID_NOTE,        "invalid_note",          ERR_INVALID,     400, "The signed note is malformed")        \
	X(REASON_INVALID_SIGNATURE,   "invalid_signature",     ERR_INVALID,     400, "The signature does not hold")         \
	X(REASON_INVALID_CHECKPOINT,  "invalid_checkpoint",    ERR_INVALID,     400, "The checkpoint is not acceptable")    \
	X(REASON_LOG_UNKNOWN,         "log_unknown",           ERR_CONFLICT,    409, "The node is bound to another audit log") \
	X(REASON_CHECKPOINT_BACK,     "checkpoint_went_back",  ERR_CONFLICT,    409, "The node holds a larger checkpoint")  \
	X(REASON_CHECKPOINT_SIZE,     "checkpoint_old_size",   ERR_CONFLICT,    409, "The proof begins at another size than the node holds") \
	X(REASON_CHECKPOINT_FORK,     "checkpoint_forked",     ERR_CONFLICT,    409, "The checkpoint contradicts the one the node holds") \
	X(REASON_KEYS_FULL,           "too_many_api_keys",     ERR_CONFLICT,    409, "Two API keys are in force already")   \
	X(REASON_KEY_RETIRED,         "api_key_retired",       ERR_CONFLICT,    409, "The API key was retired")             \
	X(REASON_KEY_LAST,            "last_api_key",          ERR_CONFLICT,    409, "It is the last API key")              \
	X(REASON_KEY_UNUSED,          "api_key_unused",        ERR_CONFLICT,    409, "The other API key was never used")    \
	X(REASON_KEY_NOT_FOUND,       "api_key_not_found",     ERR_NOT_FOUND,   404, "There is no such API key")            \
	/* the Console's calls to nodes */                                                                              \
	X(REASON_NODE_UNREACHABLE,    "node_unreachable",      ERR_UNAVAILABLE, 503, "The node does not answer")            \
	X(REASON_NODE_UNCONFIRMED,    "node_unconfirmed",      ERR_UNAVAILABLE, 504, "The node did not confirm in time")    \
	X(REASON_NODE_REFUSED,        "node_refused",          ERR_UNAVAILABLE, 502, "The node refused the request")        \
	X(REASON_NODE_KEY,            "node_api_key_rejected", ERR_UNAVAILABLE, 502, "The node does not accept the API key") \
	X(REASON_NODE_PIN,            "node_fingerprint_changed", ERR_UNAVAILABLE, 502, "The node shows another certificate key") \
	X(REASON_NODE_ANSWER,         "node_bad_answer",       ERR_UNAVAILABLE, 502, "The node's answer makes no sense")    \
	X(REASON_GUARD,               "address_refused",       ERR_INVALID,     400, "The address may not be called")       \
	/* the Console's objects */                                                                                     \
	X(REASON_NODE_NOT_FOUND,      "node_not_found",        ERR_NOT_FOUND,   404, "There is no such node")               \
	X(REASON_PERSON_NOT_FOUND,    "person_not_found",      ERR_NOT_FOUND,   404, "There is no such person")             \
	X(REASON_ENTRY_NOT_FOUND,     "entry_not_found",       ERR_NOT_FOUND,   404, "There is no such audit entry")        \
	X(REASON_NAME_IN_USE,         "name_in_use",           ERR_CONFLICT,    409, "The name is taken")                   \
	X(REASON_NODE_EXISTS,         "node_exists",           ERR_CONFLICT,    409, "This node is already here")           \
	X(REASON_NODE_PLAIN,          "plain_http_not_confirmed", ERR_INVALID,  400, "Plain HTTP was not confirmed")        \
	X(REASON_NODE_UNSUPPORTED,    "node_unsupported",      ERR_CONFLICT,    409, "This node's version cannot do this")  \
	X(REASON_LOGIN,               "login_failed",          ERR_DENIED,      401, "User name or password is wrong")      \
	X(REASON_LOGIN_THROTTLED,     "login_throttled",       ERR_UNAVAILABLE, 429, "Too many failed sign-ins")            \
	X(REASON_PASSWORD_CHANGE,     "password_change_required", ERR_DENIED,   403, "Change the password first")           \
	X(REASON_WEAK_PASSWORD,       "weak_password",         ERR_INVALID,     400, "The password is not acceptable")      \
	X(REASON_STANDBY,             "standby",               ERR_UNAVAILABLE, 503, "This instance stands by")             \
	X(REASON_LEASE,               "lease_lost",            ERR_UNAVAILABLE, 503, "Another instance works this node")    \
	/* operators, and how they ask */                                                                               \
	X(REASON_REAUTH,              "reauth_required",       ERR_DENIED,      403, "The password is needed again")        \
	X(REASON_SESSION_ONLY,        "session_required",      ERR_DENIED,      403, "Not for this API token")              \
	X(REASON_ROLE_TOO_HIGH,       "role_too_high",         ERR_DENIED,      403, "The role is above your own")          \
	X(REASON_OPERATOR_NOT_FOUND,  "operator_not_found",    ERR_NOT_FOUND,   404, "There is no such operator")           \
	X(REASON_SESSION_NOT_FOUND,   "session_not_found",     ERR_NOT_FOUND,   404, "There is no such session")            \
	X(REASON_TOKEN_NOT_FOUND,     "token_not_found",       ERR_NOT_FOUND,   404, "There is no such token")              \
	X(REASON_LAST_ADMINISTRATOR,  "last_administrator",    ERR_CONFLICT,    409, "There must be an administrator")      \
	X(REASON_OWN_ACCOUNT,         "own_account",           ERR_CONFLICT,    409, "Not on one's own account")            \
	X(REASON_ONCE_BUSY,           "idempotency_in_progress", ERR_CONFLICT,  409, "The first request is under way")      \
	X(REASON_ONCE_LOST,           "idempotency_answer_lost", ERR_CONFLICT,  409, "Done, but its answer is lost")        \
	/* start-up */                                                                                                  \
	X(REASON_CONFIG,              "config_invalid",        ERR_INVALID,     400, "The configuration is not acceptable") \
	X(REASON_FOREIGN,             "foreign_store",         ERR_INVALID,     400, "The file is not ours")                \
	X(REASON_STORE_NEWER,         "store_too_new",         ERR_INVALID,     400, "The store is of a newer version")     \
	X(REASON_STORE_CORRUPT,       "store_corrupt",         ERR_INTERNAL,    500, "The store is damaged")
/* clang-format on */

enum err_class {
	ERR_OK = 0,
#define X(class_, exit, text) class_,
	ERR_CLASSES(X)
#undef X
};

enum err_reason {
	REASON_NONE = 0,
#define X(reason, slug, class_, http, title) reason,
	ERR_REASONS(X)
#undef X
	REASON_COUNT,
};

struct err {
	enum err_reason reason;
	char field[48];   /* the input field at fault, or "" */
	char msg[256];    /* for the caller: holds no secret and no SQL */
	const char *file; /* where it was raised, for the log */
	int line;
};

/** Facts of a reason, as its row says. An unknown number gives REASON_INTERNAL's. */
const char *err_slug(enum err_reason reason);
const char *err_title(enum err_reason reason);
int err_status(enum err_reason reason);
enum err_class err_class(enum err_reason reason);

/** The reason with this slug, or REASON_NONE. */
enum err_reason err_reason_of(const char *slug);

/** The exit status a command ends with for `r`, a negative class or 0. */
int err_exit(int r);

/** Fills in `err` (may be NULL); gives -class of `reason`, so: return err_set(...).
 * `field` is a C literal or text that is copied; NULL for none. */
#define err_set(err, reason, field, ...) \
	err_raise((err), (reason), (field), __FILE__, __LINE__, __VA_ARGS__)
#define err_nomem(err) err_set((err), REASON_NO_MEMORY, NULL, "out of memory")

int err_raise(struct err *err, enum err_reason reason, const char *field, const char *file,
	int line, const char *fmt, ...) __attribute__((cold, format(printf, 6, 7)));

/** Puts "<context>: " before the message and returns `r`. */
int err_context(struct err *err, int r, const char *fmt, ...)
	__attribute__((cold, format(printf, 3, 4)));

#define must_check __attribute__((warn_unused_result))

/** scoped(fn) T x = ...: fn(&x) runs when x goes out of scope, whichever way. */
#define scoped(fn) __attribute__((cleanup(fn), unused))

/** Yields the value and empties the variable: ownership moves to the reader. */
#define TAKE(ptr)                               \
	__extension__({                         \
		__typeof__(ptr) taken_ = (ptr); \
		(ptr) = 0;                      \
		taken_;                         \
	})

/** The same of a file descriptor: -1 stays behind. */
#define TAKE_FD(fd)               \
	__extension__({           \
		int taken_ = (fd); \
		(fd) = -1;        \
		taken_;           \
	})

/** From free_fn(T *) makes free_fn##p(T **), for scoped(). free_fn accepts NULL. */
#define DEFINE_FREEP(type, free_fn)               \
	static inline void free_fn##p(type **ptr) \
	{                                         \
		free_fn(*ptr);                    \
	}                                         \
	struct swallow_semicolon_

/** For plain malloc'd memory: scoped(freep) char *text = ... */
static inline void freep(void *ptr)
{
	__builtin_free(*(void **)ptr);
}

/** For file descriptors: scoped(closep) int fd = -1. */
void closep(int *fd);

#define N_ELEMENTS(a) (sizeof(a) / sizeof *(a))
