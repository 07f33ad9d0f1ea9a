/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "console/audit/standing.h"
#include "console/store/once.h"
#include "console/store/store.h"
#include "console_sql.h"
#include "db/testdb.h"

/* Rights in the store: what is refused inside a transaction, and what a scope leaves out. */

static struct testdb testdb;
static struct db *db;
static struct arena *arena;
static struct seal_key key;
static struct err err;

/* What the Console itself never says: the only way to a limited role before there is one. */
static const char *const grant_params[] = { "operator", "node", NULL };
static const struct query grants[] = { { .name = "grant", .mode = QUERY_EXEC,
	.flags = QUERY_WRITES | QUERY_UNAUDITED, .n_params = 2, .params = grant_params,
	.sqlite = "INSERT INTO operator_nodes (operator_id, node_id) VALUES (?1, ?2)",
	.postgres = "INSERT INTO operator_nodes (operator_id, node_id) VALUES ($1, $2)" } };

static int begin(void **state)
{
	(void)state;
	testdb = testdb_make();
	arena = arena_new(16 * 1024 * 1024);
	seal_key_derive(span_of("a master secret for this test only"), &key);
	assert_ok(store_open(testdb.url, &db, &err), &err);
	assert_ok(db_migrate(db, &err), &err);
	assert_ok(store_bootstrap(db, "root", "no hash", arena, &err), &err);
	db_work_for(db, &scope_everything);
	return 0;
}

static int end(void **state)
{
	(void)state;
	db_close(db);
	arena_free(arena);
	testdb_drop(&testdb);
	return 0;
}

static struct actor actor_of(const char *username)
{
	struct operator_row row;

	assert_ok(store_operator_by_name(db, username, &row, arena, &err), &err);
	return (struct actor){ .kind = ACTOR_OPERATOR, .operator = row.id, .standing = row.standing,
		.username = row.username, .auth = AUTH_SESSION };
}

static struct uuid make_operator(const struct actor *by, const char *username, int role)
{
	const struct operator_add in = { .username = username, .role = role };
	struct uuid id;

	assert_ok(store_operator_create(db, by, ROLE_ADMINISTRATOR, &in, "no hash", &id, arena, &err),
		&err);
	return id;
}

static struct uuid make_person(const struct actor *by, const char *name)
{
	const struct person_add in = { .name = name, .kind = PERSON_STAFF };
	struct uuid id;

	assert_ok(store_person_create(db, by, &in, &id, arena, &err), &err);
	return id;
}

static int64_t people(void)
{
	const struct person_query query = { .page = { .limit = 50 } };
	struct page page;

	assert_ok(store_people(db, &query, &page, arena, &err), &err);
	return page.total;
}

static int64_t seq(void)
{
	int64_t n;

	assert_ok(store_seq(db, &n, &err), &err);
	return n;
}

/*
 * Rights that are taken away while a change is under way
 */

TEST(a_change_by_somebody_disabled_meanwhile_does_not_happen)
{
	struct actor root = actor_of("root"), ada;
	const struct person_add in = { .name = "Eve", .kind = PERSON_STAFF };
	struct uuid id = make_operator(&root, "ada", ROLE_OPERATOR), person;
	int64_t before;

	ada = actor_of("ada");
	(void)make_person(&ada, "Bob");
	assert_int_equal(store_operator_disable(db, &root, ROLE_ADMINISTRATOR, &id, arena, &err), 1);
	assert_int_equal(store_operator_disable(db, &root, ROLE_ADMINISTRATOR, &id, arena, &err), 0);
	before = seq();
	assert_fails(store_person_create(db, &ada, &in, &person, arena, &err), &err, REASON_UNAUTHORIZED);
	assert_int_equal(people(), 1);
	assert_int_equal(seq(), before);
	/* what was asked for before goes on; what says nothing of it does not */
	ada.standing = STANDING_ASKED;
	(void)make_person(&ada, "Carol");
	ada.standing = 0;
	assert_fails(store_person_create(db, &ada, &in, &person, arena, &err), &err, REASON_UNAUTHORIZED);
	/* enabled again, what was read before is still old */
	assert_int_equal(store_operator_enable(db, &root, ROLE_ADMINISTRATOR, &id, arena, &err), 1);
	assert_fails(store_person_create(db, &ada, &in, &person, arena, &err), &err, REASON_UNAUTHORIZED);
	ada = actor_of("ada");
	(void)make_person(&ada, "Eve");
}

TEST(a_change_with_a_token_revoked_meanwhile_does_not_happen)
{
	struct actor root = actor_of("root"), script = root;
	const struct token_add in = { .name = "deploy", .role = ROLE_OPERATOR,
		.expires_at = { time_now().us + USEC_PER_SEC * 3600 } };
	const struct token_new fresh = { &in, digest_of(span_of("wgk_x")), "..x" };
	const struct person_add eve = { .name = "Eve", .kind = PERSON_STAFF };
	struct digest digest = digest_of(span_of("wgk_x"));
	struct token_row row;
	struct uuid id, person;

	assert_ok(store_token_create(db, &root, &fresh, &id, arena, &err), &err);
	assert_ok(store_token_get(db, &digest, &row, arena, &err), &err);
	assert_int_equal(row.token_role, ROLE_OPERATOR);
	script.auth = AUTH_TOKEN;
	script.token = id;
	(void)make_person(&script, "Bob");
	assert_int_equal(store_token_revoke(db, &root, &id, false, arena, &err), 1);
	assert_int_equal(store_token_revoke(db, &root, &id, false, arena, &err), 0);
	assert_fails(store_person_create(db, &script, &eve, &person, arena, &err), &err,
		REASON_UNAUTHORIZED);
	assert_fails(store_token_get(db, &digest, &row, arena, &err), &err, REASON_NOT_FOUND);
	assert_int_equal(people(), 1);
}

/*
 * Operators among themselves
 */

TEST(there_is_always_an_administrator)
{
	struct actor root = actor_of("root"), ada;
	const struct operator_change lower = { .role = ROLE_AUDITOR, .has = { OPERATOR_CHANGE_ROLE, 0 } };
	struct uuid id;

	assert_fails(store_operator_change(db, &root, ROLE_ADMINISTRATOR, &root.operator, 1, &lower,
			     arena, &err), &err, REASON_LAST_ADMINISTRATOR);
	assert_fails(store_operator_disable(db, &root, ROLE_ADMINISTRATOR, &root.operator, arena, &err),
		&err, REASON_LAST_ADMINISTRATOR);
	id = make_operator(&root, "ada", ROLE_ADMINISTRATOR);
	assert_fails(store_operator_disable(db, &root, ROLE_ADMINISTRATOR, &root.operator, arena, &err),
		&err, REASON_OWN_ACCOUNT);
	ada = actor_of("ada");
	/* both take the other's role away: the second finds that it has none any more */
	assert_ok(store_operator_change(db, &root, ROLE_ADMINISTRATOR, &id, 1, &lower, arena, &err), &err);
	assert_fails(store_operator_change(db, &ada, ROLE_ADMINISTRATOR, &root.operator, 1, &lower, arena,
			     &err), &err, REASON_UNAUTHORIZED);
	assert_fails(store_operator_disable(db, &root, ROLE_ADMINISTRATOR, &root.operator, arena, &err),
		&err, REASON_LAST_ADMINISTRATOR);
}

TEST(nobody_gives_or_takes_what_is_above_their_own)
{
	struct actor root = actor_of("root");
	const struct operator_add admin = { .username = "eve", .role = ROLE_ADMINISTRATOR };
	const struct operator_change raise = { .role = ROLE_ADMINISTRATOR, .has = { OPERATOR_CHANGE_ROLE, 0 } };
	struct uuid ada = make_operator(&root, "ada", ROLE_OPERATOR), id;

	assert_fails(store_operator_create(db, &root, ROLE_OPERATOR, &admin, "x", &id, arena, &err), &err,
		REASON_ROLE_TOO_HIGH);
	assert_fails(store_operator_change(db, &root, ROLE_OPERATOR, &ada, 1, &raise, arena, &err), &err,
		REASON_ROLE_TOO_HIGH);
	assert_fails(store_operator_disable(db, &root, ROLE_AUDITOR, &ada, arena, &err), &err,
		REASON_ROLE_TOO_HIGH);
	assert_fails(store_operator_reset(db, &root, ROLE_AUDITOR, &ada, "x", arena, &err), &err,
		REASON_ROLE_TOO_HIGH);
	assert_fails(store_operator_enable(db, &root, ROLE_AUDITOR, &ada, arena, &err), &err,
		REASON_ROLE_TOO_HIGH);
}

TEST(names_are_one_whatever_their_case)
{
	struct actor root = actor_of("root");
	const struct operator_add same = { .username = "ADA", .role = ROLE_AUDITOR };
	struct uuid id = make_operator(&root, "ada", ROLE_OPERATOR), other;
	const struct operator_change rename = { .username = "Root", .has = { OPERATOR_CHANGE_USERNAME, 0 } };

	assert_fails(store_operator_create(db, &root, ROLE_ADMINISTRATOR, &same, "x", &other, arena, &err),
		&err, REASON_NAME_IN_USE);
	assert_string_equal(err.field, "username");
	assert_fails(store_operator_change(db, &root, ROLE_ADMINISTRATOR, &id, 1, &rename, arena, &err),
		&err, REASON_NAME_IN_USE);
	assert_fails(store_operator_change(db, &root, ROLE_ADMINISTRATOR, &id, 7, &rename, arena, &err),
		&err, REASON_CHANGED);
}

TEST(a_lesser_role_ends_sessions_and_tokens)
{
	struct actor root = actor_of("root"), ada;
	const struct token_add in = { .name = "t", .role = ROLE_AUDITOR,
		.expires_at = { time_now().us + USEC_PER_SEC * 3600 } };
	const struct token_new fresh = { &in, digest_of(span_of("wgk_y")), "...y" };
	const struct session_new session = { .token = digest_of(span_of("cookie")),
		.expires_at = { time_now().us + USEC_PER_SEC * 3600 }, .user_agent = "" };
	struct operator_change change = { .role = ROLE_ADMINISTRATOR, .has = { OPERATOR_CHANGE_ROLE, 0 } };
	struct uuid id = make_operator(&root, "ada", ROLE_OPERATOR), token, started;
	bool alive;

	ada = actor_of("ada");
	assert_ok(store_token_create(db, &ada, &fresh, &token, arena, &err), &err);
	assert_ok(store_session_start(db, &ada, &session, &started, arena, &err), &err);
	assert_ok(store_session_alive(db, &started, &alive, &err), &err);
	assert_true(alive);
	assert_int_equal(store_operator_change(db, &root, ROLE_ADMINISTRATOR, &id, 1, &change, arena, &err),
		1);
	assert_ok(store_session_alive(db, &started, &alive, &err), &err);
	assert_false(alive); /* a new role begins with a new session */
	assert_ok(store_token_alive(db, &token, &alive, &err), &err);
	assert_true(alive); /* it had less, and has it still */
	change.role = ROLE_OPERATOR;
	assert_int_equal(store_operator_change(db, &root, ROLE_ADMINISTRATOR, &id, 2, &change, arena, &err),
		1);
	assert_ok(store_token_alive(db, &token, &alive, &err), &err);
	assert_false(alive);
}

/*
 * Once
 */

static struct once once_of(const struct actor *actor, const char *word)
{
	struct once once = { .owner = actor->operator, .key = digest_of(span_of(word)),
		.request = digest_of(span_of("request")), .route = "POST /people" };

	uuid_make_v4(&once.attempt);
	return once;
}

TEST(a_change_and_its_record_are_one)
{
	struct actor root = actor_of("root");
	struct once once = once_of(&root, "key"), second = once;
	const struct person_add in = { .name = "Bob", .kind = PERSON_STAFF };
	struct once_row row;
	struct uuid bob, eve;

	root.once = &once;
	bob = make_person(&root, "Bob");
	assert_ok(store_once_get(db, &once, &row, arena, &err), &err);
	assert_true(uuid_equal(&row.target, &bob));
	assert_int_equal(row.status, INT_NONE);
	assert_ok(store_once_answer(db, &once, 201, "{}", &err), &err);
	assert_ok(store_once_get(db, &once, &row, arena, &err), &err);
	assert_int_equal(row.status, 201);
	assert_string_equal(row.answer, "{}");
	/* the same attempt may go on; another one with the key changes nothing */
	eve = make_person(&root, "Eve");
	assert_ok(store_once_get(db, &once, &row, arena, &err), &err);
	assert_true(uuid_equal(&row.target, &bob) && !uuid_equal(&row.target, &eve));
	uuid_make_v4(&second.attempt);
	root.once = &second;
	assert_fails(store_person_create(db, &root, &in, &eve, arena, &err), &err, REASON_ONCE_BUSY);
	assert_int_equal(people(), 2);
}

TEST(a_change_that_fails_leaves_no_record)
{
	struct actor root = actor_of("root");
	struct once once = once_of(&root, "key");
	const struct person_add in = { .name = "Bob", .email = "b@example.org", .kind = PERSON_STAFF };
	struct once_row row;
	struct uuid id;

	assert_ok(store_person_create(db, &root, &in, &id, arena, &err), &err);
	root.once = &once;
	assert_fails(store_person_create(db, &root, &in, &id, arena, &err), &err, REASON_NAME_IN_USE);
	assert_fails(store_once_get(db, &once, &row, arena, &err), &err, REASON_NOT_FOUND);
	assert_ok(store_once_answer(db, &once, 409, "{}", &err), &err);
	assert_fails(store_once_get(db, &once, &row, arena, &err), &err, REASON_NOT_FOUND);
}

/*
 * Scope
 */

static struct uuid make_node(const struct actor *by, const char *name, const char *address, uint8_t mark)
{
	struct node_new in = { .name = name, .address = address, .transport = TRANSPORT_TLS,
		.fingerprint = "sha256//x", .api_key = { "key", 3 } };
	struct uuid id;

	in.public_key.bytes[0] = mark;
	in.node_uid.bytes[0] = mark;
	assert_ok(store_node_add(db, by, &key, &in, &id, arena, &err), &err);
	return id;
}

static struct uuid make_peer(const struct actor *by, struct uuid person, struct uuid node, uint8_t mark)
{
	struct peer_issue in = { .person_id = person, .node_id = node, .name = "laptop" };
	struct peer_row row;

	in.public_key.bytes[0] = mark;
	assert_ok(store_peer_issue(db, by, &in, &row, arena, &err), &err);
	return row.id;
}

static void grant(const struct uuid *operator, const struct uuid *node)
{
	const struct db_conf conf = { .url = testdb.url, .postgres = &db_postgres, .queries = grants, .n_queries = N_ELEMENTS(grants),
		.application_id = CONSOLE_APPLICATION_ID };
	scoped(db_closep) struct db *other = NULL;

	assert_ok(db_open(&conf, &other, &err), &err);
	assert_ok(db_exec(other, 0, DB_ARGS(DB_ARG("operator", *operator), DB_ARG("node", *node)), NULL,
			  &err), &err);
}

struct totals {
	int64_t nodes, people, peers, entries;
};

static struct totals count(void)
{
	const struct node_query nodes = { .page = { .limit = 50 } };
	const struct peer_query peers = { .page = { .limit = 50 }, .view = VIEW_ALL };
	const struct audit_query entries = { .page = { .limit = 100 } };
	struct totals totals = { .people = people() };
	struct page page;

	assert_ok(store_nodes(db, &nodes, &page, arena, &err), &err);
	totals.nodes = page.total;
	assert_ok(store_peers(db, &peers, &page, arena, &err), &err);
	assert_int_equal(page.data.n, page.total);
	totals.peers = page.total;
	assert_ok(store_audit(db, &entries, &page, arena, &err), &err);
	totals.entries = page.total;
	return totals;
}

TEST(a_scope_leaves_out_other_nodes_and_who_is_on_them)
{
	struct actor root = actor_of("root");
	struct uuid ada = make_operator(&root, "ada", ROLE_OPERATOR);
	struct uuid de = make_node(&root, "de-1", "https://a:1", 1), nl = make_node(&root, "nl-1", "https://b:1", 2);
	struct uuid bob = make_person(&root, "Bob"), eve = make_person(&root, "Eve");
	struct uuid on_de = make_peer(&root, bob, de, 1), on_nl = make_peer(&root, eve, nl, 2);
	const struct db_scope scope = { .all = false, .value = ada };
	struct peer_view_row peer;
	struct totals all = count(), seen;

	assert_int_equal(all.nodes, 2);
	assert_int_equal(all.peers, 2);
	grant(&ada, &de);
	db_work_for(db, &scope);
	seen = count();
	assert_int_equal(seen.nodes, 1);
	assert_int_equal(seen.people, 1);
	assert_int_equal(seen.peers, 1);
	assert_int_equal(seen.entries, 2); /* the node added, the peer issued */
	assert_ok(store_peer(db, &on_de, &peer, arena, &err), &err);
	assert_fails(store_peer(db, &on_nl, &peer, arena, &err), &err, REASON_PEER_NOT_FOUND);
	assert_ok(store_in_scope(db, SCOPED_PEER, &on_de, arena, &err), &err);
	assert_fails(store_in_scope(db, SCOPED_PEER, &on_nl, arena, &err), &err, REASON_PEER_NOT_FOUND);
	assert_ok(store_in_scope(db, SCOPED_NODE, &de, arena, &err), &err);
	assert_fails(store_in_scope(db, SCOPED_NODE, &nl, arena, &err), &err, REASON_NODE_NOT_FOUND);
	assert_ok(store_in_scope(db, SCOPED_PERSON, &bob, arena, &err), &err);
	assert_fails(store_in_scope(db, SCOPED_PERSON, &eve, arena, &err), &err, REASON_PERSON_NOT_FOUND);
}

TEST(a_handle_that_works_for_nobody_lists_nothing)
{
	const struct person_query query = { .page = { .limit = 50 } };
	struct page page;

	db_work_for(db, NULL);
	assert_fails(store_people(db, &query, &page, arena, &err), &err, REASON_FORBIDDEN);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_change_by_somebody_disabled_meanwhile_does_not_happen),
		CASE(a_change_with_a_token_revoked_meanwhile_does_not_happen),
		CASE(there_is_always_an_administrator),
		CASE(nobody_gives_or_takes_what_is_above_their_own),
		CASE(names_are_one_whatever_their_case),
		CASE(a_lesser_role_ends_sessions_and_tokens),
		CASE(a_change_and_its_record_are_one),
		CASE(a_change_that_fails_leaves_no_record),
		CASE(a_scope_leaves_out_other_nodes_and_who_is_on_them),
		CASE(a_handle_that_works_for_nobody_lists_nothing),
	};
	return testdb_groups("accounts", tests, N_ELEMENTS(tests), NULL, NULL);
}
