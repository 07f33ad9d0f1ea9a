/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/test.h"
#include "crypto/guess.h"

static const char *const easy[] = { "", "password", "PasswordPassword", "P@ssw0rd!Admin12", "passwordadmin2024!",
	"Welcome to WGKeeper 1", "wireguard-console-99", "123456789012345", "098765432109876",
	"qwertyuiopasdfghjkl", "QWERTYuiop123456", "1qaz2wsx3edc4rfv", "abcdefghijklmnop",
	"ponmlkjihgfedcba", "aaaaaaaaaaaaaaa", "ababababababababab", "x9$kx9$kx9$kx9$k", "Summer2024Summer2024",
	"ada.lovelace.2024", "LOVELACElovelace", "4da lovelace 1815", "example-org-2024", "ada1lovelace1815",
	"trustno1trustno1", "letmein letmein!", "administrator-12" };

static const char *const hard[] = { "correct horse battery", "lantern quilt orbit", "my password is not a word",
	"admin of the seven seas", "839201748392017", "Tr0ub4dor&3 & more", "jUqP-2vZt-8mWx", "äöüß äöüß mühsam",
	"password tulip", "2024-10-31T12:00:00Z", "x9$kq7!mx9$kq7!m" };

TEST(what_is_tried_first_is_easy)
{
	for (size_t i = 0; i < N_ELEMENTS(easy); i++)
		if (!guess_is_easy(span_of(easy[i]), "ada.lovelace@example.org"))
			fail_msg("'%s' is not seen", easy[i]);
}

TEST(other_words_are_not)
{
	for (size_t i = 0; i < N_ELEMENTS(hard); i++)
		if (guess_is_easy(span_of(hard[i]), "ada.lovelace@example.org"))
			fail_msg("'%s' is refused", hard[i]);
	assert_false(guess_is_easy(span_of("lovelace lovelace"), "grace"));
}

TEST(any_length_is_looked_at_safely)
{
	char text[400];

	for (size_t len = 0; len < sizeof text; len++) {
		memset(text, 'a', sizeof text);
		assert_int_equal(guess_is_easy((struct span){ text, len }, "a"), len <= 256);
		for (size_t i = 0; i < len; i++)
			text[i] = (char)(unsigned char)(i * 37 + 11);
		(void)guess_is_easy((struct span){ text, len }, "user");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_tried_first_is_easy),
		cmocka_unit_test(other_words_are_not),
		cmocka_unit_test(any_length_is_looked_at_safely),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
