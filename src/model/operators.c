/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "model/operators.h"

#include "model/page.h"

/* clang-format off */
const struct word operator_role_words[] = {
	{ ROLE_ADMINISTRATOR, "administrator" }, { ROLE_OPERATOR, "operator" }, { ROLE_AUDITOR, "auditor" }, { 0 },
};
const struct word auth_way_words[] = { { WAY_SESSION, "session" }, { WAY_TOKEN, "token" }, { 0 } };
const struct word operator_status_words[] = {
	{ OPERATOR_ACTIVE, "active" }, { OPERATOR_DISABLED, "disabled" }, { 0 },
};
const struct word token_state_words[] = {
	{ TOKEN_ACTIVE, "active" }, { TOKEN_EXPIRED, "expired" }, { TOKEN_REVOKED, "revoked" }, { 0 },
};
const struct word token_status_words[] = { { TOKENS_ACTIVE, "active" }, { TOKENS_ENDED, "ended" }, { 0 } };

int check_username(const void *value, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
	const char *text = *(const char *const *)value;

	if (!*text || text[strspn(text, allowed)])
		return err_set(err, REASON_INVALID_FIELD, NULL,
			"a user name has 1 to 64 letters (a to z), digits and . _ @ -");
	return 0;
}

/*
 * Who is asking
 */
#define SELF(member, ...) FIELD(struct self_view, member, __VA_ARGS__)
static const struct field self_fields[] = {
	SELF(id, .doc = "The operator."),
	SELF(username, .doc = "Name to sign in with."),
	SELF(role, .words = operator_role_words, .doc = "What they may do; of a token, the token's role."),
	SELF(must_change_password, .doc = "Until then nothing else is allowed."),
	{ 0 },
};
static const struct type self_type = TYPE(struct self_view, "Self", self_fields);

#define ABOUT(member, ...) FIELD(struct console_about, member, __VA_ARGS__)
static const struct field about_fields[] = {
	ABOUT(name, .doc = "Name of the product."),
	ABOUT(version, .doc = "Version of this Console."),
	ABOUT(insecure, .doc = "Whether this is plain HTTP from another machine."),
	{ 0 },
};
static const struct type about_type = TYPE(struct console_about, "About", about_fields);

#define SESSION(member, ...) FIELD(struct session_view, member, __VA_ARGS__)
static const struct field session_fields[] = {
	FIELD_SUB(struct session_view, operator, &self_type, .doc = "Who is signed in."),
	SESSION(csrf_token, .doc = "To be sent as X-CSRF with every change."),
	SESSION(expires_at, .doc = "When the session ends at the latest."),
	SESSION(confirmed_until, .doc = "Until then nothing asks for the password again."),
	SESSION(capabilities, .of = FIELD_TEXT, .doc = "What the operator may do."),
	FIELD_SUB(struct session_view, console, &about_type, .doc = "About this Console."),
	{ 0 },
};
const struct type session_view_type = TYPE(struct session_view, "Session", session_fields);

static const struct field token_ref_fields[] = {
	FIELD(struct token_ref, id, .doc = "The token."),
	FIELD(struct token_ref, name, .doc = "What it is called."),
	FIELD(struct token_ref, expires_at, .doc = "When it ends."),
	{ 0 },
};
static const struct type token_ref_type = TYPE(struct token_ref, "TokenRef", token_ref_fields);

#define ME(member, ...) FIELD(struct me_view, member, __VA_ARGS__)
static const struct field me_fields[] = {
	FIELD_SUB(struct me_view, operator, &self_type, .doc = "Who is asking."),
	ME(auth, .words = auth_way_words, .doc = "How they are known."),
	FIELD_SUB(struct me_view, token, &token_ref_type, .flags = F_NULLABLE, .doc = "The token they ask with."),
	ME(capabilities, .of = FIELD_TEXT, .doc = "What they may do."),
	ME(scope, .doc = "Which nodes they see: all."),
	{ 0 },
};
const struct type me_view_type = TYPE(struct me_view, "Me", me_fields);

static const struct field login_fields[] = {
	FIELD(struct login, username, .flags = F_REQUIRED, .min = 1, .max = 64, .doc = "Name of the operator."),
	FIELD(struct login, password, .flags = F_REQUIRED | F_SECRET, .max = 1024, .doc = "The password."),
	{ 0 },
};
const struct type login_type = TYPE(struct login, "Login", login_fields);

static const struct field reauth_fields[] = {
	FIELD(struct reauth, password, .flags = F_REQUIRED | F_SECRET, .max = 1024, .doc = "The password, once more."),
	{ 0 },
};
const struct type reauth_type = TYPE(struct reauth, "Reauth", reauth_fields);

#define PASSWORD(member, ...) FIELD(struct password_change, member, .flags = F_REQUIRED | F_SECRET, .max = 1024, __VA_ARGS__)
static const struct field password_fields[] = {
	PASSWORD(current_password, .doc = "The password until now."),
	PASSWORD(new_password, .doc = "At least 15 characters."),
	{ 0 },
};
const struct type password_change_type = TYPE(struct password_change, "PasswordChange", password_fields);

/*
 * Operators
 */
#define OPERATOR(member, ...) FIELD(struct operator_view, member, __VA_ARGS__)
static const struct field operator_fields[] = {
	OPERATOR(id, .doc = "The operator."),
	OPERATOR(username, .doc = "Name to sign in with."),
	OPERATOR(role, .words = operator_role_words, .doc = "What they may do."),
	OPERATOR(must_change_password, .doc = "They have not chosen a password of their own yet."),
	OPERATOR(created_at, .doc = "When they were added."),
	FIELD_SUB(struct operator_view, created_by, &operator_ref_type, .flags = F_NULLABLE, .doc = "Who added them; null: the Console's first start."),
	OPERATOR(disabled_at, .flags = F_NULLABLE, .doc = "Since when they may not sign in."),
	OPERATOR(signed_in_at, .flags = F_NULLABLE, .doc = "Last sign-in."),
	OPERATOR(sessions, .doc = "Sessions that are open."),
	OPERATOR(tokens, .doc = "API tokens that are good."),
	OPERATOR(etag, .doc = "For If-Match."),
	OPERATOR(cursor_key, .flags = F_NULLABLE | F_SECRET, .doc = "Where the page ended."),
	{ 0 },
};
const struct type operator_view_type = TYPE(struct operator_view, "Operator", operator_fields);

#define USERNAME .min = 1, .max = 64, .check = check_username
#define TEMPORARY .flags = F_REQUIRED | F_SECRET, .max = 1024, .doc = "For the first sign-in only: it must be changed then."
static const struct field operator_add_fields[] = {
	FIELD(struct operator_add, username, .flags = F_REQUIRED, USERNAME, .doc = "Name to sign in with."),
	FIELD(struct operator_add, role, .flags = F_REQUIRED, .words = operator_role_words, .doc = "What they may do."),
	FIELD(struct operator_add, password, TEMPORARY),
	{ 0 },
};
const struct type operator_add_type = TYPE(struct operator_add, "OperatorAdd", operator_add_fields);

static const struct field operator_change_fields[] = {
	FIELD(struct operator_change, username, .opt = OPERATOR_CHANGE_USERNAME, USERNAME, .doc = "Name to sign in with."),
	FIELD(struct operator_change, role, .opt = OPERATOR_CHANGE_ROLE, .words = operator_role_words, .doc = "What they may do; a change ends their sessions."),
	{ 0 },
};
const struct type operator_change_type = TYPE_HAS(struct operator_change, "OperatorChange", operator_change_fields, has);

static const struct field reset_fields[] = { FIELD(struct password_reset, password, TEMPORARY), { 0 } };
const struct type password_reset_type = TYPE(struct password_reset, "PasswordReset", reset_fields);

static const struct field operator_page_fields[] = { PAGE_ROWS(&operator_view_type), { 0 } };
const struct type operator_page_type = TYPE(struct page, "OperatorPage", operator_page_fields);

static const struct field operator_query_fields[] = {
	PAGE_QUERY(struct operator_query),
	FIELD(struct operator_query, q, .flags = F_NULLABLE, .max = 64, .doc = "Part of the user name."),
	FIELD(struct operator_query, role, .flags = F_NULLABLE, .words = operator_role_words, .doc = "Only these."),
	FIELD(struct operator_query, status, .flags = F_NULLABLE, .words = operator_status_words, .doc = "Only these."),
	{ 0 },
};
const struct type operator_query_type = TYPE(struct operator_query, "OperatorQuery", operator_query_fields);

/*
 * Sessions and tokens
 */
#define ITEM(member, ...) FIELD(struct session_item, member, __VA_ARGS__)
static const struct field session_item_fields[] = {
	ITEM(id, .doc = "The session; not what its cookie holds."),
	FIELD_SUB(struct session_item, operator, &operator_ref_type, .doc = "Whose it is."),
	ITEM(created_at, .doc = "When they signed in."),
	ITEM(seen_at, .doc = "Last use, to half a minute."),
	ITEM(expires_at, .doc = "When it ends at the latest."),
	ITEM(source, .doc = "Address it was begun from."),
	ITEM(user_agent, .doc = "What the browser called itself then."),
	ITEM(current, .doc = "Whether it is the one that asks."),
	ITEM(cursor_key, .flags = F_NULLABLE | F_SECRET, .doc = "Where the page ended."),
	{ 0 },
};
const struct type session_item_type = TYPE(struct session_item, "SessionItem", session_item_fields);

static const struct field session_page_fields[] = { PAGE_ROWS(&session_item_type), { 0 } };
const struct type session_page_type = TYPE(struct page, "SessionPage", session_page_fields);

static const struct field session_query_fields[] = {
	PAGE_QUERY(struct session_query),
	FIELD(struct session_query, operator, .flags = F_NULLABLE, .doc = "Only of this operator."),
	{ 0 },
};
const struct type session_query_type = TYPE(struct session_query, "SessionQuery", session_query_fields);

#define TOKEN(member, ...) FIELD(struct token_view, member, __VA_ARGS__)
static const struct field token_fields[] = {
	TOKEN(id, .doc = "The token; not what is sent."),
	TOKEN(name, .doc = "What it is for."),
	FIELD_SUB(struct token_view, operator, &operator_ref_type, .doc = "Whose it is."),
	TOKEN(role, .words = operator_role_words, .doc = "What it may do."),
	TOKEN(elevated, .doc = "Whether it passes where the password would be asked for."),
	TOKEN(last4, .doc = "Its last four characters."),
	TOKEN(created_at, .doc = "When it was made."),
	TOKEN(expires_at, .doc = "When it ends."),
	TOKEN(used_at, .flags = F_NULLABLE, .doc = "Last use, to a minute."),
	TOKEN(used_from, .flags = F_NULLABLE, .doc = "Address of the last use."),
	TOKEN(revoked_at, .flags = F_NULLABLE, .doc = "When it was revoked."),
	TOKEN(state, .words = token_state_words, .doc = "Whether it is good."),
	TOKEN(cursor_key, .flags = F_NULLABLE | F_SECRET, .doc = "Where the page ended."),
	{ 0 },
};
const struct type token_view_type = TYPE(struct token_view, "Token", token_fields);

#define TADD(member, ...) FIELD(struct token_add, member, __VA_ARGS__)
static const struct field token_add_fields[] = {
	TADD(name, .flags = F_REQUIRED, .min = 1, .max = 64, .check = check_name, .doc = "What it is for."),
	TADD(role, .flags = F_REQUIRED, .words = operator_role_words, .doc = "What it may do: no more than its maker."),
	TADD(elevated, .doc = "Whether it passes where the password would be asked for."),
	TADD(expires_at, .flags = F_REQUIRED, .doc = "When it ends: within a year."),
	{ 0 },
};
const struct type token_add_type = TYPE(struct token_add, "TokenAdd", token_add_fields);

static const struct field token_made_fields[] = {
	FIELD_SUB(struct token_made, token, &token_view_type, .doc = "The token."),
	FIELD(struct token_made, secret, .flags = F_NULLABLE, .doc = "What is sent as Authorization: Bearer. Said once; null where the request is sent again."),
	{ 0 },
};
const struct type token_made_type = TYPE(struct token_made, "TokenMade", token_made_fields);

static const struct field token_page_fields[] = { PAGE_ROWS(&token_view_type), { 0 } };
const struct type token_page_type = TYPE(struct page, "TokenPage", token_page_fields);

static const struct field token_query_fields[] = {
	PAGE_QUERY(struct token_query),
	FIELD(struct token_query, operator, .flags = F_NULLABLE, .doc = "Only of this operator."),
	FIELD(struct token_query, status, .flags = F_NULLABLE, .words = token_status_words, .doc = "Only these."),
	{ 0 },
};
const struct type token_query_type = TYPE(struct token_query, "TokenQuery", token_query_fields);
/* clang-format on */
