"""Which tests prove which row of the fault matrix (numbers) and which defence of the threat model (T…).

Each named test turns red when its defence is taken away. tests/test_reliability.py checks that each one exists.
"""

BACKEND, CONSOLE, JOURNEYS = "tests/backend", "tests/console", "tests/journeys"
_STORY = f"{JOURNEYS}/test_hostile.py"

PROOFS: dict[str, tuple[str, ...]] = {
    # ---- the window and other clients
    "1": (f"{JOURNEYS}/test_console_killed.py::test_row_1_a_killed_window_is_not_noticed_and_comes_back_whole",),
    "3": (
        f"{CONSOLE}/test_app.py::test_the_window_is_there_before_the_backend",
        f"{CONSOLE}/test_app.py::test_the_backend_is_started_beside_the_window",
        f"{CONSOLE}/test_app.py::test_an_opened_window_starts_the_backend_and_tells_when_that_fails",
        f"{CONSOLE}/test_app.py::test_a_start_that_fails_says_why",
        f"{CONSOLE}/link/test_link.py::test_another_protocol_is_not_talked_to",
        f"{CONSOLE}/link/test_link.py::test_the_version_of_a_backend_that_is_not_talked_to_is_known",
        f"{CONSOLE}/link/test_link.py::test_no_backend_is_said_and_ends_the_busy_button",
        f"{CONSOLE}/test_window.py::test_offline_bar_comes_and_goes",
        f"{CONSOLE}/test_window.py::test_a_start_is_no_alarm_until_it_takes_too_long",
        f"{CONSOLE}/test_window.py::test_the_bar_names_a_backend_of_another_version",
        f"{BACKEND}/test_client.py::test_another_protocol_is_refused_with_the_way_out",
        f"{BACKEND}/test_client.py::test_nobody_there_says_how_to_start_it",
    ),
    "5": (
        f"{JOURNEYS}/test_feed_cut.py::test_row_5_cut_a_hundred_times_the_client_series_is_the_export",
        f"{BACKEND}/server/test_feed.py::test_follow_over_restarts_tells_each_message_once",
        f"{BACKEND}/server/test_feed.py::test_a_reader_gets_everything_from_its_place_on_in_order",
        f"{BACKEND}/server/test_feed.py::test_a_place_that_is_not_kept_is_reset",
        f"{BACKEND}/services/test_ingest.py::test_feed_carries_every_point_once_and_in_order_live_and_resumed",
        f"{CONSOLE}/link/test_link.py::test_returns_after_a_death_and_resumes_behind_the_last_message",
        f"{CONSOLE}/link/test_link.py::test_reset_forgets_the_place_and_goes_on",
        f"{CONSOLE}/pages/test_run.py::test_points_that_came_while_reading_follow_without_gap_or_duplicate",
    ),
    # ---- the daemon
    "8": (
        f"{JOURNEYS}/test_daemon_killed.py::test_killed_twenty_times_nothing_is_lost",
        f"{JOURNEYS}/test_daemon_killed.py::test_asked_while_it_dies_a_client_is_told_and_a_run_is_started_once",
        f"{BACKEND}/test_daemon.py::test_killed_mid_run_nothing_is_lost_and_the_worker_is_adopted",
        f"{BACKEND}/services/test_ingest.py::test_killed_at_a_failpoint_nothing_is_lost_or_doubled",
        f"{BACKEND}/services/test_ingest.py::test_export_equals_the_log_bit_for_bit",
    ),
    "12": (
        f"{BACKEND}/test_daemon.py::test_of_two_daemons_the_second_ends_and_names_the_first",
        f"{BACKEND}/test_daemon.py::test_a_race_has_one_winner",
        f"{BACKEND}/test_daemon.py::test_a_lock_that_is_held_names_its_holder",
        f"{BACKEND}/jobs/test_identity.py::test_only_one_holds_a_lock_and_death_frees_it",
    ),
    "16": (
        f"{BACKEND}/test_daemon.py::test_a_worker_that_ended_while_the_daemon_was_away_is_told_truly",
        f"{BACKEND}/services/test_scheduler.py::test_a_death_while_the_daemon_was_down_is_told",
        f"{BACKEND}/supervisor/test_launch.py::test_a_death_while_nobody_looks_is_written_down",
    ),
    # ---- workers
    "19": (
        f"{JOURNEYS}/test_worker_killed.py::test_stopped_killed_and_resumed_it_ends_with_the_same_bits",
        f"{BACKEND}/services/test_scheduler.py::test_every_death_is_told_with_cause_and_advice_and_not_repeated",
        f"{BACKEND}/services/test_scheduler.py::test_a_death_is_only_told_when_everything_said_is_stored",
        f"{BACKEND}/services/test_scheduler.py::test_a_killed_run_is_resumed_from_its_checkpoint",
        f"{BACKEND}/worker/test_resume_exact.py::test_killed_and_resumed_equals_uninterrupted",
    ),
    "20": (
        f"{BACKEND}/services/test_scheduler.py::test_a_stopped_process_hangs_and_recovers_and_a_paused_run_never_hangs",
        f"{BACKEND}/supervisor/test_hang.py::test_two_stages",
        f"{BACKEND}/supervisor/test_hang.py::test_one_late_look_is_not_enough",
        f"{BACKEND}/supervisor/test_hang.py::test_a_frozen_watcher_does_not_alarm",
        f"{BACKEND}/services/test_scheduler.py::test_a_frozen_daemon_tells_no_hang",
    ),
    "21": (
        f"{BACKEND}/services/test_scheduler.py::test_a_hang_is_told_in_two_stages_and_ends_by_force",
        f"{BACKEND}/supervisor/test_hang.py::test_long_steps_raise_the_limits",
    ),
    "22": (
        f"{BACKEND}/services/test_scheduler.py::test_every_death_is_told_with_cause_and_advice_and_not_repeated",
        f"{BACKEND}/supervisor/test_verdict.py::test_verdict",
        f"{BACKEND}/worker/test_selftest.py::test_it_dies_as_asked",
    ),
    "28": (
        f"{BACKEND}/jobs/test_log.py::test_a_torn_last_line_waits_and_is_then_read_once",
        f"{BACKEND}/jobs/test_log.py::test_a_damaged_middle_line_is_set_aside_and_the_rest_is_read",
        f"{BACKEND}/jobs/test_log.py::test_duplicates_and_gaps_are_reported",
        f"{BACKEND}/jobs/test_log.py::test_a_line_out_of_order_is_taken_and_told",
        f"{BACKEND}/jobs/test_log.py::test_a_huge_line_is_skipped_and_the_rest_is_read",
        f"{BACKEND}/jobs/test_log.py::test_of_much_rubbish_little_is_named_and_all_is_counted",
        f"{BACKEND}/services/test_ingest.py::test_rubbish_is_counted_to_the_end_but_little_of_it_is_kept",
        f"{BACKEND}/services/test_ingest.py::test_damaged_lines_are_counted_with_exactly_one_event_and_notice",
        f"{BACKEND}/services/test_ingest.py::test_a_torn_last_line_waits",
    ),
    "29": (
        f"{BACKEND}/test_cli.py::test_nan_survives_the_export",
        f"{BACKEND}/worker/test_training.py::test_nan_loss",
        f"{BACKEND}/services/test_ingest.py::test_export_equals_the_log_bit_for_bit",
        f"{BACKEND}/services/test_ingest.py::test_the_life_of_a_run",
        f"{BACKEND}/store/test_rooms.py::test_odd_numbers_and_odd_texts_come_back",
        f"{BACKEND}/store/test_blocks.py::test_packed_points_come_back_bit_for_bit",
        f"{CONSOLE}/charts/test_page.py::test_nan_and_infinity_are_marked_in_the_chart",
        f"{CONSOLE}/charts/test_series.py::test_nan_and_infinity_become_markers_and_lift_the_pen",
        f"{JOURNEYS}/test_daemon_killed.py::test_killed_twenty_times_nothing_is_lost",
    ),
    "30": (
        f"{BACKEND}/services/test_scheduler.py::test_every_death_is_told_with_cause_and_advice_and_not_repeated",
        f"{BACKEND}/supervisor/test_verdict.py::test_verdict",
        f"{JOURNEYS}/test_worker_killed.py::test_a_stop_that_comes_after_the_last_word_changes_nothing",
    ),
    # ---- storage
    "33": (
        f"{JOURNEYS}/test_full_disk.py::test_row_33_a_full_disk_loses_nothing_and_recovers_alone",
        f"{BACKEND}/services/test_ingest.py::test_a_full_disk_loses_nothing_and_it_goes_on_by_itself",
        f"{BACKEND}/services/test_mirror_notes.py::test_a_full_disk_delays_a_note_and_loses_none",
        f"{BACKEND}/services/test_scheduler.py::test_below_the_reserve_nothing_starts_and_one_notice_says_so",
        f"{BACKEND}/jobs/test_log.py::test_a_full_disk_leaves_whole_lines",
        f"{BACKEND}/jobs/test_log.py::test_half_a_written_line_is_taken_back",
        f"{BACKEND}/services/test_runs.py::test_a_full_disk_and_few_descriptors_refuse",
        f"{BACKEND}/jobs/test_buffered.py::test_a_buffered_log_waits_out_a_full_disk_and_says_so",
        f"{BACKEND}/store/test_faults.py::test_a_file_size_limit_is_survived",
        f"{BACKEND}/test_daemon.py::test_a_full_reserve_refuses_new_runs_and_names_the_bytes",
    ),
    # ---- checkpoints
    "46": (
        f"{BACKEND}/worker/test_checkpoint.py::test_damage_is_seen_named_and_skipped",
        f"{BACKEND}/worker/test_checkpoint.py::test_start_cleans_up_and_says_what_it_skipped",
    ),
    "47": (
        f"{BACKEND}/worker/test_checkpoint.py::test_damage_is_seen_named_and_skipped",
        f"{BACKEND}/worker/test_resume_exact.py::test_a_damaged_newest_checkpoint_is_skipped_by_name",
    ),
    "48": (
        f"{BACKEND}/worker/test_checkpoint.py::test_the_highest_number_without_manifest_is_ignored",
        f"{BACKEND}/worker/test_checkpoint.py::test_killed_during_a_save_one_good_checkpoint_remains",
        f"{BACKEND}/worker/test_checkpoint.py::test_killed_between_the_renames_of_a_replacement_the_old_one_comes_back",
        f"{BACKEND}/worker/test_checkpoint.py::test_the_order_is_files_manifest_folder_rename_parent_prune",
    ),
    # ---- data
    "54": (
        f"{BACKEND}/data/test_readers.py::test_encodings_line_ends_and_delimiters",
        f"{BACKEND}/data/test_readers.py::test_bytes_that_do_not_fit_are_named",
        f"{BACKEND}/data/test_readers.py::test_a_chosen_encoding_is_used_and_an_unknown_one_refused",
    ),
    "55": (
        f"{BACKEND}/data/test_readers.py::test_bad_rows_are_named_and_the_rest_is_read",
        f"{BACKEND}/data/test_readers.py::test_a_long_line_costs_bounded_memory",
        f"{BACKEND}/data/test_readers.py::test_bad_headers_are_refused",
        f"{BACKEND}/services/test_datasets.py::test_preview_names_bad_lines_and_stores_nothing",
    ),
    "56": (
        f"{BACKEND}/services/test_datasets.py::test_bad_data_is_refused_with_file_line_and_cause",
        f"{BACKEND}/services/test_datasets.py::test_a_class_with_one_row_is_blocked_before_training",
        f"{BACKEND}/data/test_split.py::test_problems_are_said_with_counts",
        f"{BACKEND}/services/test_runs.py::test_data_that_cannot_train_starts_no_worker",
    ),
    # ---- serving
    "59": (
        f"{BACKEND}/services/test_endpoints.py::test_row_59_promotion_under_load_fails_nobody",
        f"{BACKEND}/worker/test_gateway.py::test_row_59_switches_under_load_fail_nobody_and_every_answer_is_true",
        f"{BACKEND}/worker/test_gateway.py::test_row_59_what_was_asked_before_a_switch_is_answered_by_its_version",
    ),
    "60": (
        f"{BACKEND}/services/test_endpoints.py::test_row_60_many_at_once_load_once_and_the_rest_are_told",
        f"{BACKEND}/worker/test_gateway.py::test_two_deploys_of_one_version_load_it_once",
        f"{BACKEND}/test_client.py::test_the_same_key_is_done_once_and_answered_alike",
    ),
    "61": (
        f"{BACKEND}/services/test_endpoints.py::test_row_61_a_version_that_answers_wrongly_is_never_live",
        f"{BACKEND}/worker/test_gateway.py::test_row_61_a_version_that_fails_its_golden_check_never_answers",
        f"{BACKEND}/services/test_endpoints.py::test_a_version_that_answers_falsely_after_the_switch_is_switched_back",
    ),
    "63": (
        f"{BACKEND}/services/test_endpoints.py::test_row_63_corrupt_files_are_refused_before_live_is_touched",
        f"{BACKEND}/services/test_versions.py::test_what_is_in_use_is_not_deleted",
        f"{BACKEND}/services/test_versions.py::test_verify_names_what_changed",
    ),
    "64": (
        f"{BACKEND}/services/test_endpoints.py::test_row_64_a_death_anywhere_is_settled_at_the_next_start",
        f"{BACKEND}/services/test_endpoints.py::test_a_gateway_that_dies_in_the_switch_is_told_again",
        f"{BACKEND}/test_daemon.py::test_a_promotion_that_a_dead_daemon_left_is_settled_by_the_next",
    ),
    # ---- the machine
    "71": (
        f"{BACKEND}/services/test_telemetry.py::test_a_driver_that_hangs_or_crashes_is_told_survived_and_tried_again",
        f"{BACKEND}/services/test_telemetry.py::test_without_a_driver_there_is_the_host_and_a_reason",
        f"{BACKEND}/telemetry/test_sensor.py::test_a_crash_is_told_with_its_signal_and_a_hang_by_the_deadline",
        f"{BACKEND}/telemetry/test_sensor.py::test_it_ends_with_its_standard_input_even_while_the_driver_hangs",
        f"{BACKEND}/telemetry/test_nvidia.py::test_a_lost_card_says_so_and_leaves_the_other_alone",
    ),
    "76": (
        f"{_STORY}::test_row_76_hostile_names_are_kept_as_data_and_shown_safely",
        f"{_STORY}::test_row_76_an_endpoint_with_a_hostile_name_answers_once",
        f"{_STORY}::test_a_text_that_is_no_text_is_refused",
        f"{BACKEND}/services/test_versions.py::test_hostile_names_become_safe_folders",
        f"{BACKEND}/services/test_versions.py::test_equal_names_in_another_writing_are_one_model",
    ),
    # ---- the threat model
    "T1": (
        f"{BACKEND}/server/test_guard.py::test_every_route_but_healthz_needs_the_token",
        f"{BACKEND}/server/test_guard.py::test_a_wrong_authorization_is_refused",
        f"{BACKEND}/server/test_guard.py::test_only_the_exact_path_is_open",
        f"{BACKEND}/server/test_guard.py::test_secrets_are_compared_in_constant_time",
        f"{BACKEND}/test_daemon.py::test_tcp_answers_only_with_the_token_and_proves_itself",
        f"{BACKEND}/worker/test_gateway.py::test_t1_everything_but_health_wants_the_key",
    ),
    "T2": (
        f"{BACKEND}/server/test_guard.py::test_a_foreign_host_is_refused_even_with_the_token",
        f"{BACKEND}/server/test_guard.py::test_two_hosts_are_refused",
        f"{BACKEND}/server/test_guard.py::test_the_socket_takes_only_local_names",
        f"{BACKEND}/worker/test_gateway.py::test_t2_t4_another_host_is_refused_even_with_the_key",
    ),
    "T3": (
        f"{BACKEND}/server/test_guard.py::test_any_origin_is_refused_and_nothing_is_shared",
        f"{BACKEND}/server/test_guard.py::test_a_browser_is_known_by_its_fetch_headers",
        f"{BACKEND}/server/test_guard.py::test_a_web_socket_is_closed",
        f"{BACKEND}/server/test_guard.py::test_a_web_socket_never_reaches_the_application",
        f"{BACKEND}/worker/test_gateway.py::test_t3_a_browser_is_refused",
    ),
    "T4": (
        f"{BACKEND}/server/test_guard.py::test_a_bent_host_does_not_open_a_path",
        f"{BACKEND}/server/test_guard.py::test_nothing_is_decided_by_an_address_built_from_the_host",
        f"{BACKEND}/worker/test_gateway.py::test_t2_t4_another_host_is_refused_even_with_the_key",
    ),
    "T5": (
        f"{BACKEND}/server/test_guard.py::test_changes_must_be_json",
        f"{BACKEND}/worker/test_gateway.py::test_t5_only_json_is_taken",
    ),
    "T6": (
        f"{BACKEND}/test_daemon.py::test_a_squatter_on_the_port_never_sees_the_token",
        f"{BACKEND}/test_daemon.py::test_tcp_answers_only_with_the_token_and_proves_itself",
    ),
    "T7": (
        f"{_STORY}::test_t7_nothing_of_the_whole_scenario_is_open_to_others",
        f"{BACKEND}/test_daemon.py::test_everything_is_private_whatever_the_umask_is",
        f"{BACKEND}/worker/test_checkpoint.py::test_everything_is_private_under_an_open_umask",
        f"{BACKEND}/supervisor/test_launch.py::test_everything_is_private_under_an_open_umask",
        f"{BACKEND}/store/test_opening.py::test_a_home_of_somebody_else_is_refused",
        f"{BACKEND}/test_daemon.py::test_a_runtime_folder_that_is_a_link_or_somebody_elses_is_refused",
        f"{JOURNEYS}/test_worker_killed.py::test_stopped_killed_and_resumed_it_ends_with_the_same_bits",
    ),
    "T9": (
        f"{_STORY}::test_t9_neither_arguments_nor_environments_of_workers_hold_a_secret",
        f"{BACKEND}/test_daemon.py::test_neither_arguments_nor_environments_hold_the_token",
        f"{BACKEND}/supervisor/test_launch.py::test_no_secret_reaches_the_worker",
        f"{BACKEND}/jobs/test_identity.py::test_the_environment_is_an_allow_list",
    ),
    "T11": (f"{_STORY}::test_t11_what_people_ask_an_endpoint_is_stored_nowhere",),
    "T12": (
        "tests/test_safety.py::test_t12_nothing_in_the_product_runs_what_it_reads",
        "tests/test_safety.py::test_each_way_around_it_is_seen",
        f"{BACKEND}/worker/test_resume_exact.py::test_no_pickle_is_written",
        f"{BACKEND}/mirror/test_artifacts.py::test_there_is_no_pickle_anywhere",
    ),
    "T17": (
        f"{_STORY}::test_t17_no_path_leads_out_of_the_home",
        f"{_STORY}::test_t17_bodies_take_ids_too",
        f"{_STORY}::test_t17_a_link_in_place_of_a_checkpoint_is_not_followed",
        f"{BACKEND}/supervisor/test_launch.py::test_unknown_and_impossible_jobs_are_not_found",
        f"{BACKEND}/data/test_model_check.py::test_refused_by_name",
    ),
    "T20": (
        f"{BACKEND}/server/test_guard.py::test_hostile_json_is_refused",
        f"{BACKEND}/worker/test_gateway.py::test_t20_bad_bodies_are_refused_and_nothing_breaks",
    ),
    "T24": (
        f"{_STORY}::test_t24_every_page_shows_hostile_names_as_plain_text",
        f"{CONSOLE}/widgets/test_text.py::test_no_label_and_no_tooltip_reads_markup",
        f"{CONSOLE}/widgets/test_text.py::test_tooltips_are_escaped",
        f"{CONSOLE}/widgets/test_text.py::test_no_text_widget_that_reads_markup_is_made_outside_the_helper",
        f"{CONSOLE}/widgets/test_text.py::test_no_tooltip_is_set_but_through_the_helper",
    ),
    "T25": (
        f"{BACKEND}/test_daemon.py::test_the_log_cannot_be_forged_and_keeps_no_secret",
        f"{BACKEND}/jobs/test_output.py::test_nothing_in_the_tail_can_move_a_cursor_or_forge_a_line",
        f"{BACKEND}/jobs/test_output.py::test_a_separator_of_lines_is_escaped",
        f"{CONSOLE}/widgets/test_logview.py::test_control_and_direction_characters_are_shown_as_escapes",
    ),
    "T27": (
        f"{BACKEND}/services/test_webhook.py::test_an_address_that_is_not_allowed_is_refused",
        f"{BACKEND}/services/test_webhook.py::test_a_name_that_leads_into_a_private_net_is_refused",
        f"{BACKEND}/services/test_webhook.py::test_the_number_that_was_checked_is_the_one_spoken_to",
        f"{BACKEND}/services/test_webhook.py::test_a_redirect_is_not_followed",
        f"{BACKEND}/services/test_webhook.py::test_a_server_that_never_finishes_is_left",
    ),
    "T28": (
        f"{JOURNEYS}/test_optimized.py::test_t28_the_door_holds_without_asserts",
        "tests/test_safety.py::test_t12_nothing_in_the_product_runs_what_it_reads",
    ),
}

WANTED = (
    *("3", "5", "8", "12", "16", "19", "20", "21", "22", "28", "29", "30", "33", "46", "47", "48", "54", "55", "56"),
    *("59", "60", "61", "63", "64", "71", "76"),
    *("T1", "T2", "T3", "T4", "T5", "T7", "T9", "T11", "T12", "T17", "T20", "T24", "T25"),
)
"""What must have a proof."""
