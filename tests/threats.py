"""Who could do what to whom, what stops it, and the test that shows it: a row each.

``docs/explanation/security.md`` has the table as it is drawn from here. After a change: ``python tests/threats.py``.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final, NamedTuple

TESTS: Final = Path(__file__).parent
PAGE: Final = TESTS.parent / "docs/explanation/security.md"
BEGIN: Final = "<!-- threats: drawn by tests/threats.py -->\n"
END: Final = "<!-- end of threats -->\n"


class Threat(NamedTuple):
    """``tests``: ``folder/file::name``, below ``tests`` and without ``test_`` and ``.py``; none: ``later`` says with what it
    comes."""

    number: str
    attack: str
    stopped_by: str
    tests: tuple[str, ...] = ()
    later: str = ""


_BAD_REQUESTS = "faults/faults_bad_requests"
_SECRETS = "faults/faults_secrets"
_CLIENT = "unit/net/net_http_client"
_PUSH_SERVICES = "faults/faults_hostile_push_services"

THREATS: Final = (
    Threat(
        "S1",
        "an app names a host inside the operator's network as its mail server",
        "one room dials; the address dialled is judged, by IANA's table, and so is the port",
        ("unit/net/net_egress::no_special_block_is_reachable_for_any_purpose", f"{_SECRETS}::nothing_but_net_connects"),
    ),
    Threat(
        "S2",
        "an app names an endpoint inside the operator's network",
        "the same rules; https only; nothing in a request is the app's but its path",
        (
            f"{_CLIENT}::what_egress_forbids_is_not_dialled_by_name_or_by_literal",
            "arch/arch_dials::nothing_dials_but_what_asks_egress",
            "faults/faults_egress_forms::no_form_of_an_endpoints_host_is_dialled",
        ),
    ),
    Threat(
        "S3",
        "a name leads outside when it is looked at and inside when it is dialled",
        "a name is resolved at each dial, and what is judged is what is dialled",
        (
            f"{_CLIENT}::a_rebinding_name_is_checked_at_every_dial",
            "unit/net/net_connector::a_name_whose_answer_turns_to_loopback_is_never_dialled_there",
            "unit/net/net_connector::of_a_mixed_answer_only_the_allowed_addresses_are_dialled",
        ),
    ),
    Threat(
        "S4",
        "an endpoint redirects into the operator's network",
        "no redirect is followed; autoconfig's within its domain, each hop judged",
        (
            f"{_CLIENT}::a_redirect_is_an_answer_and_is_not_followed",
            "unit/gateway/gateway_discovery::a_redirect_is_followed_within_the_domain_only",
        ),
    ),
    Threat(
        "S5",
        "a host is spelled so that two readers read two hosts",
        "a host is letters, digits and hyphens, or a literal in its one form; all else is refused before it is resolved",
        (
            "unit/net/net_host_name::every_other_spelling_is_refused",
            "unit/net/net_host_name::whatever_passes_is_ldh_or_a_literal_and_stays_the_same",
            f"{_CLIENT}::a_url_that_two_parsers_could_read_differently_is_not_allowed",
            f"{_BAD_REQUESTS}::no_spelling_of_a_forbidden_endpoint_is_taken",
            "faults/faults_egress_forms::no_form_of_a_mail_servers_host_is_dialled",
        ),
    ),
    Threat(
        "S6",
        "an IPv4 address hides in an IPv6 one",
        "what is inside is taken out and judged as well",
        (
            "unit/net/net_egress::a_mapped_address_is_no_second_way_to_an_address",
            "unit/net/net_egress::an_allowed_outer_address_does_not_open_the_inner_one",
            "faults/faults_egress_forms::no_form_of_a_mail_servers_host_is_dialled",
        ),
    ),
    Threat(
        "S7",
        "the metadata service of a cloud is asked for its keys",
        "refused by its own address, also where its network is allowed",
        (
            "unit/net/net_egress::a_metadata_service_needs_to_be_allowed_by_its_own_address",
            "faults/faults_egress_forms::no_form_of_a_mail_servers_host_is_dialled",
        ),
    ),
    Threat(
        "S8",
        "registrations scan a network by what is answered, and when",
        "one answer, to the byte, after one floor of time",
        (f"{_BAD_REQUESTS}::hosts_that_are_refused_unknown_or_not_allowed_get_the_same_bytes_after_the_same_floor",),
    ),
    Threat(
        "S9",
        "a line end in a user name becomes a command to the mail server",
        "control characters are refused at the door, and everything else is quoted or a literal",
        (
            f"{_BAD_REQUESTS}::control_characters_never_reach_the_mail_server",
            f"{_BAD_REQUESTS}::every_other_character_stays_within_its_argument",
            f"{_BAD_REQUESTS}::what_does_not_speak_imap_is_told_so_and_hears_no_password",
        ),
    ),
    Threat(
        "S10",
        "a switch for trying things out is left on",
        "off by default; on an address that others reach it has to be said twice",
        ("unit/net/net_egress::plaintext_needs_both_an_allowed_network_and_the_switch",),
    ),
    Threat(
        "C1",
        "a core, a debugger or the swap shows a password",
        "no core, no ptrace; what is read is overwritten; a core that root takes all the same is searched",
        (
            "unit/net/net_hardening::no_core_not_dumpable_and_all_descriptors_that_we_may_have",
            f"{_SECRETS}::a_core_after_login_holds_the_passwords_that_are_kept_and_no_other",
            f"{_SECRETS}::a_core_holds_the_tokens_that_are_kept_and_no_older_ones",
            "faults/faults_parked_secrets::a_core_holds_no_secret_of_a_session_that_is_parked",
        ),
    ),
    Threat(
        "C2",
        "a secret is in a log, a traceback, a metric or an answer",
        "a secret is a type that shows nothing; facts are logged, not sentences",
        (
            f"{_SECRETS}::a_whole_life_leaves_no_secret_in_files_logs_or_answers",
            f"{_SECRETS}::no_object_shows_a_secret",
            "faults/faults_leaves::nothing_of_a_user_is_in_logs_metrics_or_answers_to_others",
            "flows/flows_operator::a_support_bundle_of_a_gateway_that_serves_names_nobody",
        ),
    ),
    Threat(
        "C3",
        "the database or a backup is stolen, or a row of it changed or moved",
        "a vault is off by default; its key is elsewhere; what is sealed names where it belongs and opens nowhere else",
        (
            "unit/login/login_vault::every_flipped_byte_is_noticed",
            "unit/login/login_vault_room::swapped_rows_open_for_nobody",
            "unit/cli/cli_vault::a_rotation_that_is_broken_off_anywhere_loses_nothing",
            "faults/faults_leaves::deleting_leaves_nothing_of_a_user_on_the_disk",
            "servers/servers_backup::a_subscription_rings_on_from_another_machine",
            "unit/config/config_exposed::files_of_secrets_that_everybody_can_read_are_told",
        ),
    ),
    Threat(
        "C4",
        "one tenant sees, changes or rings what is another's",
        "each call finds what its own key or token may see; what is sealed names whose it is",
        (
            "properties/tenants_properties",
            "unit/login/login_vault::a_password_is_not_opened_for_another_server_or_name",
            "flows/gateway_trust::a_key_that_somebody_brings_shows_no_right_to_an_account_of_others",
            "unit/login/login_token_names::a_token_that_opens_any_name_shows_no_account",
            "flows/front_handovers::who_acts_for_another_proves_nothing_of_him",
        ),
    ),
    Threat(
        "O1",
        "the gateway tries passwords at somebody's mail server",
        "budgets for each source, account and server, growing pauses; a refused login is not repeated",
        (
            f"{_BAD_REQUESTS}::guesses_that_come_at_once_reach_the_server_one_by_one_and_soon_not_at_all",
            f"{_BAD_REQUESTS}::a_wrong_password_is_sent_once_and_nothing_is_kept",
            "faults/faults_hostile_servers::a_server_that_refuses_everything_gets_no_second_password",
            "unit/login/login_pacing::ten_thousand_guesses_reach_the_server_three_times",
        ),
    ),
    Threat(
        "O2",
        "wrong passwords are registered to have somebody's account locked, or their watch ended",
        "guesses reach the server few times; a watch that works is touched by no other's refusal",
        (
            "unit/login/login_door::what_strangers_try_holds_up_no_owner",
            "unit/login/login_door::a_source_tries_so_many_accounts_in_an_hour",
            "flows/gateway_subscribe::a_late_refusal_tells_this_subscription_only",
            "flows/front_handovers::each_message_rings_once_however_clients_come_and_go",
        ),
    ),
    Threat(
        "O3",
        "answers tell which accounts there are",
        "the same answer for what is unknown and what is another's",
        (
            f"{_BAD_REQUESTS}::unknown_users_and_wrong_passwords_are_told_alike",
            f"{_BAD_REQUESTS}::without_a_token_nothing_is_shown_and_of_others_one_learns_nothing",
            "flows/gateway_subscribe::an_unproven_repeat_sees_nothing_of_the_subscription",
        ),
    ),
    Threat(
        "T1",
        "a token is guessed, or found in a log or the database",
        "256 bits, in a header, never in a URL; its hash alone is stored",
        (
            "unit/model/model_ids::token_has_256_bits",
            "unit/model/model_ids::token_is_stored_as_its_hash_whatever_was_sent_for_one",
            "flows/rest/rest_client_pages::no_token_is_put_into_a_url",
            f"{_SECRETS}::a_whole_life_leaves_no_secret_in_files_logs_or_answers",
            "flows/rest/rest_intake::tokens_that_are_none_are_soon_not_looked_at_any_more",
            "flows/gateway_of_a_key::a_key_does_what_it_is_for_and_nothing_else",
        ),
    ),
    Threat(
        "T2",
        "somebody registers another's endpoint and floods it",
        "an endpoint repeats a challenge before it is used; how often one is challenged is bounded",
        (
            "flows/flows_bad_endpoints::a_webhook_that_does_not_answer_its_challenge_gets_nothing_else",
            "unit/deliver/deliver_verification::what_is_remembered_of_challenges_is_bounded",
            "flows/front_dialects::a_code_that_comes_late_is_refused",
        ),
    ),
    Threat(
        "P1",
        "somebody on the way takes STARTTLS out of what the server says",
        "without TLS nothing is said; there is no try-and-see",
        (
            "unit/net/net_imap_connection::without_starttls_there_is_no_way_on",
            "flows/flows_false_servers::no_false_server_gets_a_byte_of_credentials",
        ),
    ),
    Threat(
        "P2",
        "somebody on the way adds lines before the handshake",
        "what came in clear is forgotten; a byte behind the OK ends it",
        (
            "unit/net/net_imap_connection::starttls_forgets_what_was_said_in_clear",
            "flows/flows_false_servers::no_false_server_gets_a_byte_of_credentials",
        ),
    ),
    Threat(
        "P3",
        "a command is slipped in before STARTTLS at our own proxy",
        "the server half begins anew at STARTTLS, and what came in clear behind it ends the connection",
        (
            "unit/imap/imap_server::starttls_starts_anew",
            "faults/faults_front_clients::a_command_slipped_in_before_starttls_is_never_run",
        ),
    ),
    Threat(
        "P4",
        "a PREAUTH greeting skips TLS or the login",
        "refused in clear; under TLS only where the operator says so",
        (
            "unit/imap/imap_client::preauth_in_clear_is_refused",
            "unit/net/net_imap_connection::preauth_under_tls_needs_the_operators_word",
        ),
    ),
    Threat(
        "P5",
        "a referral leads to somebody else's server",
        "referrals are read and never followed",
        (
            "flows/flows_false_servers::a_referral_leads_nowhere",
            "flows/flows_false_servers::a_goodbye_with_a_referral_leads_nowhere",
        ),
    ),
    Threat(
        "P6",
        "a man in the middle shows a certificate of his own",
        "chain, name, date and key are verified, always; TLS 1.2 at least",
        (
            "unit/net/net_tls_engine::a_bad_certificate_is_refused_and_named",
            "unit/net/net_tls_engine::old_versions_of_tls_are_refused",
            f"{_BAD_REQUESTS}::a_bad_certificate_is_named_with_the_check_that_it_fails",
            "flows/flows_false_servers::no_false_server_gets_a_byte_of_credentials",
            "servers/servers_certificates::a_certificate_is_a_login_and_who_has_none_of_his_own_gets_nowhere",
            "unit/client/client_calls::an_app_logs_in_by_itself_and_believes_no_server_that_does_not_know_the_password",
        ),
    ),
    Threat(
        "P7",
        "a server at home signs its own certificate, and users learn to click it away",
        "its key is named by the user, and that key is all that is believed; first use only where the operator allows it",
        (
            "unit/model/model_trust::whose_keys_are_trusted",
            "flows/gateway_trust::a_key_that_somebody_brings_shows_no_right_to_an_account_of_others",
            "flows/gateway_trust::fewer_keys_leave_the_credentials_and_others_wipe_them",
            "faults/faults_refused_logins::another_key_than_the_first_is_told_at_once_and_gets_no_password",
            "flows/flows_false_servers::no_false_server_gets_a_byte_of_credentials",
            "unit/net/net_pinning::any_other_ends_the_session_and_is_told",
        ),
    ),
    Threat(
        "P8",
        "somebody's DNS or autoconfig file sends credentials elsewhere",
        "what was found is believed within the domain, or for a provider that is known; anything else is told, not used",
        (
            "unit/gateway/gateway_discovery::credentials_go_to_the_domain_itself_or_to_a_provider_that_is_known",
            "unit/gateway/gateway_discovery::redirects_come_to_an_end",
            "faults/faults_egress_forms::no_form_of_a_domain_is_asked_for_its_mail_server",
        ),
    ),
    Threat(
        "I1",
        "a server sends a literal of 4 GiB or a line without end",
        "every part of a response has a bound, checked before memory is taken",
        (
            "faults/faults_bounds::every_bound_of_the_protocol_and_of_the_connection_is_crossed_here",
            "faults/faults_bounds::every_bound_ends_its_session_by_name_and_costs_no_memory_that_stays",
        ),
    ),
    Threat(
        "I2",
        "a server sends a byte every ten seconds, or never stops",
        "deadlines for whole responses, a budget for what was not asked for",
        (
            "faults/faults_bounds::every_deadline_ends_its_connection_by_name",
            "faults/faults_bounds::a_storm_of_exists_is_looked_at_once_a_second_and_mail_in_it_rings",
            "faults/faults_hostile_servers::a_flood_that_does_not_end_starves_nobody",
        ),
    ),
    Threat(
        "I3",
        "a server compresses a gigabyte into a kilobyte",
        "COMPRESS is not a command that we can send; bodies of answers stay compressed",
        (
            "unit/imap/imap_client::a_command_that_is_not_permitted_is_not_sent",
            f"{_CLIENT}::a_compressed_body_stays_compressed",
        ),
    ),
    Threat(
        "I4",
        "a server's lines are made to be read in two ways",
        "framing first, then grammar; a tag that nobody waits for ends the connection",
        (
            "unit/imap/imap_client::a_tag_that_is_not_in_flight_ends_the_connection",
            "faults/faults_hostile_servers::whatever_a_server_says_in_place_of_an_answer_ends_that_registration",
        ),
    ),
    Threat(
        "I5",
        "UIDs, dates and counts that cannot be",
        "a contradiction is answered by looking again, never by a ring",
        (
            "faults/faults_hostile_servers::whatever_a_server_fetches_disturbs_nobody_else",
            "unit/imap/imap_mailbox_view::exists_that_shrank_without_expunge_is_a_contradiction",
        ),
    ),
    Threat(
        "I6",
        "UIDVALIDITY changes and everything looks new",
        "a new epoch begins where the mailbox ends now",
        (
            "flows/watch_fleet::uidvalidity_change_announces_nothing_old",
            "flows/watch_endures::another_uidvalidity_in_the_middle_of_a_session_is_taken_up",
        ),
    ),
    Threat(
        "I7",
        "a message is gone before it is looked at",
        "UIDs only; an empty answer is an answer",
        ("flows/watch_what_rings::mail_that_is_expunged_before_it_is_fetched_is_passed_over",),
    ),
    Threat(
        "I8",
        "a subject or a server's text is markup, a control character, a line of a log",
        "encoders write JSON and headers; text is cleaned and cut; the page makes text, not HTML",
        (
            "browser/browser_hostile_mail",
            "flows/rest/rest_client_pages::no_script_makes_html_or_code_of_text",
            f"{_BAD_REQUESTS}::what_a_server_says_in_its_refusal_is_shown_clean",
            "unit/telemetry/telemetry_log_sink::whatever_is_escaped_is_one_bounded_line",
        ),
    ),
    Threat(
        "I9",
        "an upstream pretends to have our commands",
        "no list of an upstream's is believed, wherever it stands; a command of ours is answered here or is nobody's",
        (
            "faults/faults_front_upstreams::no_capability_that_an_upstream_forges_reaches_a_client",
            "unit/front/front_capabilities::what_cannot_pass_or_is_ours_to_say_is_not_told",
            "unit/front/front_annotations::a_command_is_ours_by_the_names_of_its_entries",
        ),
    ),
    Threat(
        "N1",
        "a push service answers slowly, for ever, or with gigabytes",
        "deadlines and bounds for each part; a lane for each origin",
        (
            f"{_PUSH_SERVICES}::all_of_them_at_once_delay_no_healthy_endpoint_of_the_same_mailbox",
            f"{_PUSH_SERVICES}::many_that_hang_at_one_service_leave_room_for_its_neighbours",
            f"{_CLIENT}::of_an_endless_body_no_more_than_the_bound_is_taken",
            f"{_CLIENT}::a_flood_of_interim_responses_is_broken_off",
        ),
    ),
    Threat(
        "N2",
        "a push service asks for a wait of a year, or of less than nothing",
        "waits are between a second and an hour",
        (
            "properties/properties_push::retry_after_is_nothing_or_between_a_second_and_an_hour",
            "unit/push/push_answers::retry_after_is_seconds_or_a_date_and_clamped",
        ),
    ),
    Threat(
        "N3",
        "ten thousand mails wear out a phone",
        "a flood is a count; one notification stands for what waits",
        (
            "faults/faults_silent_servers::ten_thousand_mails_of_a_gap_are_one_notification",
            "contracts/store_contract_pace::a_flood_is_told_at_the_end_of_its_minute",
        ),
    ),
    Threat(
        "N4",
        "one NOTIFY of a client becomes thousands of STATUS",
        "500 mailboxes, or 100 without LIST-STATUS; one LIST a minute; 50 events a second, then overflow",
        (
            "unit/front/notify/notify_look::ten_thousand_mailboxes_cost_one_list_and_no_status",
            "flows/front_notify::a_subtree_of_ten_thousand_mailboxes_is_refused_after_one_list",
            "unit/front/notify/notify_bounds::a_client_is_told_so_many_at_once_and_then_so_many_a_second",
        ),
    ),
    Threat(
        "N5",
        "NOTIFY asks for whole bodies",
        "a closed list of FETCH items, none of which sets \\Seen; of a header 8 KiB",
        (
            "unit/front/notify/notify_wanted::bodies_and_what_sets_seen_do_not_come_with_a_message",
            "unit/front/notify/notify_fetch_items::a_header_is_asked_for_up_to_its_bound",
        ),
    ),
    Threat(
        "D1",
        "registrations without end",
        "so many a minute from an address; the same request twice is one connection",
        (
            "unit/gateway/gateway_limits::as_many_a_minute_and_then_evenly",
            "flows/gateway_subscribe::the_same_registration_twice_is_one_subscription_and_one_connection",
            "flows/gateway_of_a_key::registrations_that_come_at_once_get_no_more_than_a_key_may_have",
            "flows/gateway_of_a_key::what_comes_back_holds_its_room_while_it_logs_in",
            "flows/gateway_of_a_key::a_key_asks_so_often_wherever_it_comes_from",
        ),
    ),
    Threat(
        "D2",
        "slow heads, slow bodies, large and deep JSON, thousands of headers",
        "bounds and deadlines before anything is decoded",
        (
            f"{_BAD_REQUESTS}::a_slow_body_is_408_and_a_slow_head_is_ended",
            f"{_BAD_REQUESTS}::an_oversize_body_is_413",
            f"{_BAD_REQUESTS}::a_flood_of_headers_is_431_or_ended",
            "unit/gateway/gateway_json_object::the_depth_of_json_is_found_without_decoding_it",
            "unit/net/net_acceptor::one_address_has_so_many_connections_and_others_come_in_all_the_same",
            "flows/rest/rest_intake::slow_heads_and_bodies_take_no_place_from_who_asks_something",
            "flows/rest/rest_intake::an_answer_that_nobody_takes_ends_with_its_connection",
        ),
    ),
    Threat(
        "W1",
        "a webhook is forged or played again",
        "Standard Webhooks: signed, dated, the same id for the same notification",
        (
            "unit/push/push_webhook::the_library_of_standard_webhooks_verifies_the_request",
            "interop/interop_javascript::libraries_in_javascript_read_everything_that_we_send",
        ),
    ),
    Threat(
        "W2",
        "the VAPID key is stolen, or what it signed is used elsewhere",
        "sealed on disk; a header names one origin and ends within 12 hours; keys are rotated",
        (
            "unit/push/push_vapid::the_header_names_the_origin_the_operator_and_an_end_within_12_hours",
            "flows/flows_vapid_keys",
        ),
    ),
    Threat(
        "W3",
        "a refresh token or the code of a sign-in is stolen, used twice, lost in between or turned to another account",
        "sealed or in memory, in no page or log; the new one is stored before the old one goes; PKCE, state and iss: a "
        "sign-in is good once, for one browser, server and user name",
        (
            "unit/login/login_vault_room::a_new_refresh_token_is_stored_before_the_old_one_is_dropped",
            "unit/login/login_own_tokens::a_new_refresh_token_is_in_its_file_before_it_is_used",
            "flows/gateway_declared::what_is_renewed_is_there_once_and_goes_on_over_a_reload",
            "servers/servers_oauth::a_refresh_token_is_used_ahead_of_time_until_the_provider_refuses_it",
            "unit/login/login_sign_ins::an_answer_that_is_not_this_browsers_redeems_nothing",
            "unit/login/login_sign_ins::a_stolen_code_is_of_no_use_in_another_sign_in",
            "servers/servers_oauth::a_sign_in_at_a_real_provider_opens_the_mailbox_it_was_begun_for_and_nothing_else",
            "browser/browser_sign_in::a_sign_in_rings_and_no_token_or_code_stays_in_the_browser",
            "faults/faults_token_endpoints::whatever_a_token_endpoint_does_is_one_answer_after_one_floor",
        ),
    ),
    Threat(
        "L1",
        "a line of a log is made by somebody else",
        "a fact is one line, escaped and bounded",
        ("unit/telemetry/telemetry_log_sink::whatever_is_escaped_is_one_bounded_line",),
    ),
    Threat(
        "X1",
        "a mail runs a script in the web client",
        "text nodes only; a policy that runs nothing but the page's own files",
        (
            "browser/browser_hostile_mail",
            "flows/rest/rest_client_pages::the_page_has_a_policy_that_runs_nothing_but_its_own_files",
        ),
    ),
    Threat(
        "X2",
        "a page of another origin, or a name bound to loopback, uses the API",
        "no cookies; Host and Origin are checked; nobody else reads unless named",
        (
            "flows/rest/rest_intake::a_name_bound_anew_to_loopback_is_refused",
            "flows/rest/rest_intake::a_page_of_another_origin_may_not_write",
            "flows/rest/rest_intake::no_foreign_origin_may_read_unless_it_is_named",
        ),
    ),
    Threat(
        "M1",
        "one account's mail keeps the others waiting",
        "accounts take turns in a lane, endpoints in an account",
        (
            "contracts/store_contract_turns::whoever_has_much_waiting_takes_turns_with_those_who_have_little",
            "contracts/store_contract_turns::an_account_with_many_endpoints_takes_turns_with_those_that_have_one",
        ),
    ),
    Threat(
        "K1",
        "a dependency is not what it was",
        "everything is locked by hash, and what is declared is what is imported",
        (
            "arch/arch_imports::what_is_imported_is_named_as_a_dependency",
            "arch/arch_imports::every_dependency_is_locked",
        ),
    ),
)


def named(test: str) -> tuple[Path, str]:
    """The file, and the function in it; none: all of the file."""
    file, _, function = test.partition("::")
    folder, _, stem = file.rpartition("/")
    return TESTS / folder / f"test_{stem}.py", f"test_{function}" if function else ""


def is_there(test: str) -> bool:
    path, function = named(test)
    if not path.exists():
        return False
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return not function or any(
        isinstance(node, functions) and node.name == function for node in ast.walk(ast.parse(path.read_text()))
    )


def table() -> str:
    lines = ["| | who does what | what stops it | shown by |\n|---|---|---|---|\n"]
    for row in THREATS:
        shown = f"comes with {row.later}" if row.later else ", ".join(_link(test) for test in row.tests)
        lines.append(f"| {row.number} | {row.attack} | {row.stopped_by} | {shown} |\n")
    return "".join(lines)


def _link(test: str) -> str:
    path, function = named(test)
    words = (function.removeprefix("test_") or path.stem.removeprefix("test_")).replace("_", " ")
    return f"[{words}](../../{path.relative_to(TESTS.parent)})"


def page_with(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    PAGE.write_text(page_with(PAGE.read_text()))
