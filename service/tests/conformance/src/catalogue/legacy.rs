//! Requirements of draft-07, the dialect of hubs before 1.0, in our own words.

use super::{Check, Obligation, Requirement, Way, requirements};
use crate::checks::{
    challenges, grants, matching, presence, publishing, resuming, subscribing, tokens,
};

pub(super) const ALL: &[Requirement] = requirements! {
    "0.x/R1" Must "Subscription" "A GET with `topic` opens a stream of the updates." [subscribing::get_opens_a_stream, subscribing::head_is_answered];
    "0.x/R2" Must "Subscription" "The stream is `text/event-stream`, with all fields of an event." [subscribing::the_answer_is_an_event_stream, subscribing::all_fields_come];
    "0.x/R3" Must "Subscription" "Several selectors are joined, and an update comes once." [subscribing::several_selectors_are_joined, subscribing::an_event_comes_once];
    "0.x/R4" Must "Subscription" "Without a selector, also with its name in another case, the answer is 400." [subscribing::no_selector_is_refused, matching::names_are_case_sensitive];
    "0.x/R5" May "Subscription" "Unknown parameters are ignored, and the query is read as a form." [subscribing::unknown_parameters_are_ignored, subscribing::parameters_are_read_as_a_form, subscribing::the_dialects_do_not_mix];
    "0.x/R6" Should "Subscription" "HTTP/2 or newer is spoken." [subscribing::http2_is_spoken];
    "0.x/R7" Should "Subscription" "A comment keeps a quiet stream alive." [subscribing::silence_is_broken_by_a_comment];
    "0.x/R8" Must "Subscription" "Only listed origins may use credentials." [subscribing::listed_origins_may_read, subscribing::strange_origins_get_no_credentials];
    "0.x/R9" Must "Topic Selectors" "`*` matches every topic." [matching::a_star_matches_everything];
    "0.x/R10" Must "Topic Selectors" "Equal strings match, before anything is read as a template." [matching::equal_strings_match_before_templates];
    "0.x/R11" Must "Topic Selectors" "A URI Template matches what it expands to." [matching::templates_match_what_they_expand_to];
    "0.x/R12" Must "Terminology" "An update is delivered to subscribers of any of its topics, which need not be URLs." [publishing::any_topic_of_an_event_counts, publishing::topics_need_not_be_urls];
    "0.x/R13" Must "Publication" "A publish is a POST of a form with a topic." [publishing::a_topic_is_needed, publishing::unknown_fields_are_ignored];
    "0.x/R14" Must "Publication" "A publish is answered with the id, which is an IRI where the hub makes it." [publishing::the_answer_is_the_id, publishing::ids_are_made_and_are_iris];
    "0.x/R15" Must "Publication" "An id may not begin with `#`." [publishing::ids_with_a_hash_are_refused];
    "0.x/R16" Must "Publication" "Data keep their lines, and no field can be forged." [publishing::data_keeps_its_lines];
    "0.x/R17" Must "Publication" "`retry` is sent." [publishing::a_good_retry_is_sent];
    "0.x/R18" Must "Publication" "Topics of the subscription events cannot be published to." [publishing::subscription_paths_are_reserved];
    "0.x/R19" Must "Authorization" "Signatures are checked, and `none` is none." [tokens::legacy_signatures_are_checked];
    "0.x/R20" Must "Authorization" "The claim `mercure` grants by strings: exact ones, templates, `*`." [tokens::legacy_claims_grant_by_strings, grants::grants_may_be_templates];
    "0.x/R21" Must "Authorization" "A token may stand in the header `Authorization`." [challenges::the_scheme_has_no_case];
    "0.x/R22" May "Authorization" "A token may stand in the parameter `authorization`." [challenges::a_token_in_the_query_is_taken];
    "0.x/R23" Must "Authorization" "A token may stand in the cookie `mercureAuthorization`, and the header wins." [challenges::a_cookie_is_taken, challenges::the_header_wins_over_the_cookie];
    "0.x/R24" Must "Authorization" "Publishing by cookie is guarded against other sites." [challenges::publishing_by_cookie_needs_an_origin, challenges::pages_of_the_hub_publish_by_cookie];
    "0.x/R25" Must "Publishers" "Publishing needs a token with a grant for every topic, else 401 or 403." [challenges::no_token_is_refused, grants::publishing_needs_every_topic, grants::publishing_needs_the_grant_to_publish];
    "0.x/R26" Must "Subscribers" "A private update needs a grant for one of its topics." [grants::private_events_need_a_grant, grants::one_granted_topic_is_enough, grants::a_star_grants_everything, grants::anonymous_readers_see_no_private_events];
    "0.x/R27" Must "Subscribers" "Without a token a stream is refused where anonymous readers are not allowed." [challenges::private_reading_without_a_token_is_refused];
    "0.x/R28" Must "Subscribers" "A stream ends no later than its token." [tokens::a_stream_ends_with_its_token];
    "0.x/R29" Must "Reconnection" "Every update has an id." [resuming::every_event_has_an_id];
    "0.x/R30" Must "Reconnection" "The last event id is taken from the header or from `lastEventID`, and the header wins." [resuming::the_header_resumes, resuming::the_parameter_resumes, resuming::the_header_wins];
    "0.x/R31" May "Reconnection" "`earliest` asks for everything." [resuming::earliest_asks_for_everything];
    "0.x/R32" Must "Reconnection" "`Last-Event-ID` in the answer tells where the stream begins." [resuming::the_answer_names_a_cursor_that_is_known, resuming::the_answer_names_another_cursor_for_an_unknown_one];
    "0.x/R33" Must "Active Subscriptions" "The start and the end of each subscription are told." [presence::starts_and_ends_are_told];
    "0.x/R34" Must "Subscription API" "Collections are JSON-LD of type `Subscriptions`, with `lastEventID`." [presence::collections_have_their_form, presence::the_cursor_is_told];
    "0.x/R35" Must "Subscription API" "Open subscriptions are listed and found, and reading needs a grant." [presence::open_subscriptions_are_listed, presence::a_single_subscription_is_found, presence::listing_needs_a_grant];
    "0.x/R36" Should "Discovery" "Resources link to their hub." because "it binds publishers";
    "0.x/R37" May "Encryption" "Updates may be encrypted." because "it binds publishers";
    "0.x/R38" Must "Authorization" "Tokens travel over TLS." because "the URL of the hub was given by the caller";
};
