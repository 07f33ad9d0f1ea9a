/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "console/auth/permission.h"

TEST(what_is_in_no_column_is_denied)
{
	for (int role = -1; role <= ROLE_AUDITOR + 2; role++) {
		assert_false(permission_of(role, HTTP_PERM_NOBODY));
		assert_false(permission_of(role, HTTP_PERM_ANYONE)); /* needs no role, and gives none */
		assert_false(permission_of(role, PERM_END));
		assert_false(permission_of(role, UINT32_MAX));
	}
	for (unsigned p = 0; p <= PERM_END; p++) {
		assert_false(permission_of(0, p));
		assert_false(permission_of(-1, p));
		assert_false(permission_of(ROLE_AUDITOR + 1, p));
	}
}

TEST(a_higher_role_has_all_that_a_lower_one_may_change)
{
	for (unsigned p = PERM_OF_NOBODY + 1; p < PERM_END; p++) {
		bool any = permission_of(ROLE_OPERATOR, p) || permission_of(ROLE_AUDITOR, p);

		assert_true(permission_of(ROLE_ADMINISTRATOR, p) || !any);
		assert_non_null(permission_word(p));
	}
	assert_null(permission_word(PERM_OF_NOBODY));
	assert_null(permission_word(PERM_END));
}

TEST(an_auditor_changes_nothing)
{
	static const unsigned changes[] = { PERM_WRITE, PERM_NODE_CHECK, PERM_NODE_WRITE,
		PERM_OPERATOR_WRITE, PERM_TOKEN_WRITE };

	for (size_t i = 0; i < N_ELEMENTS(changes); i++)
		assert_false(permission_of(ROLE_AUDITOR, changes[i]));
	assert_true(permission_of(ROLE_AUDITOR, PERM_AUDIT_READ));
}

TEST(words_and_roles)
{
	scoped(arena_freep) struct arena *arena = arena_new(10000);
	scoped(sbuf_done) struct sbuf roles = SBUF_INIT(100);
	struct list words = permission_words(ROLE_AUDITOR, arena);
	const char *const *at = words.at;

	assert_int_equal(words.n, 6);
	assert_string_equal(at[0], "self");
	assert_int_equal(permission_words(0, arena).n, 0);
	permission_put_roles(&roles, PERM_WRITE, " or ");
	assert_string_equal(roles.data, "administrator or operator");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_no_column_is_denied),
		cmocka_unit_test(a_higher_role_has_all_that_a_lower_one_may_change),
		cmocka_unit_test(an_auditor_changes_nothing),
		cmocka_unit_test(words_and_roles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
