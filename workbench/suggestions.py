"""Names used by other libraries, and suggestions for words that Ludus does not know."""

from collections.abc import Iterable, Sequence

from envs.spelling import nearest, plain

# Keys of configs, and what Stable-Baselines3, CleanRL, RLlib, Dopamine, Acme, mctx, OpenSpiel and
# alpha-zero-general call them. Where a row has several keys, the first that the config can have is
# meant.
KEYS_ELSEWHERE = {
    "agent.discount": "gamma discount_factor",
    "agent.learning_rate": "lr learning_rate lr_init step_size alpha lr_start",
    "agent.learning_rate_decay_env_steps": "anneal_lr lr_decay lr_schedule lr_decay_steps",
    "replay.capacity_env_steps replay.capacity_positions": "buffer_size memory_size replay_size "
    "replay_buffer_size replay_capacity buffer_capacity capacity max_replay_size",
    "learning_starts_env_steps learning_starts_positions": "learning_starts warmup_steps "
    "min_replay_history min_replay_size start_steps train_start learn_start random_steps",
    "samples_per_env_step samples_per_position agent.epochs": "train_freq train_frequency "
    "update_period gradient_steps replay_ratio utd_ratio samples_per_insert updates_per_step",
    "agent.rollout_ticks agent.n_step": "n_steps num_steps rollout_length rollout_steps "
    "unroll_length horizon rollout_fragment_length nsteps rollout",
    "agent.n_step": "multi_step nstep update_horizon n_step_return td_steps",
    "agent.gae_lambda": "lam lambda gae lambd",
    "agent.entropy_coefficient": "ent_coef entropy_coef entropy_coeff entropy_cost ent_weight",
    "agent.value_coefficient": "vf_coef value_coef value_loss_coef vf_loss_coeff critic_coef",
    "agent.policy_clip": "clip_range clip_coef clip_param clip_eps clip_ratio ppo_clip",
    "agent.value_clip": "clip_range_vf clip_vloss vf_clip_param",
    "agent.batch_size agent.minibatches": "batch_size minibatch_size mini_batch_size "
    "train_batch_size batchsize sgd_minibatch_size",
    "agent.epochs samples_per_env_step samples_per_position": "n_epochs num_epochs update_epochs "
    "ppo_epochs ppo_epoch num_sgd_iter noptepochs epochs",
    "agent.minibatches": "num_minibatches n_minibatches nminibatches num_mini_batch",
    "agent.target_period_updates agent.average_decay": "tau polyak target_update "
    "target_update_interval target_network_frequency target_update_freq target_update_period "
    "target_network_update_freq",
    "agent.epsilon_decay_env_steps agent.epsilon_exponent": "exploration_fraction epsilon_decay "
    "eps_decay epsilon_decay_period epsilon_timesteps exploration_steps epsilon_decay_steps",
    "agent.epsilon_start agent.epsilon": "exploration_initial_eps start_e eps_start epsilon "
    "epsilon_initial initial_epsilon",
    "agent.epsilon_end agent.epsilon": "exploration_final_eps end_e eps_end epsilon_train "
    "final_epsilon min_epsilon epsilon_final epsilon_min",
    "agent.max_grad_norm": "grad_clip clip_grad gradient_clip grad_norm grad_norm_clipping",
    "agent.adam_epsilon": "adam_eps optimizer_eps optimizer_epsilon",
    "env.num_envs env.num_games": "n_envs num_envs num_workers n_env num_env num_actors nenvs "
    "vec_env num_environments num_games num_parallel_games",
    "total_env_steps": "total_timesteps total_steps total_frames num_frames max_steps timesteps "
    "num_timesteps max_frames n_timesteps num_env_steps training_steps num_steps_total steps "
    "max_timesteps",
    "agent.core_size agent.channels": "hidden_size lstm_hidden_size rnn_hidden_size lstm_size "
    "hidden_dim lstm_cell_size",
    "agent.network agent.blocks": "policy net_arch network_type cnn torso features_extractor",
    "agent.core": "lstm recurrent use_lstm rnn",
    "env.stack": "frame_stack framestack num_stack n_stack stack_size stack_num history_length "
    "agent_history_length frames",
    "env.frame_skip env.protocol": "frameskip action_repeat frame_skip",
    "env.protocol": "sticky_actions repeat_action_probability sticky sticky_action_prob noop_max "
    "terminal_on_life_loss episodic_life full_action_space",
    "env.obs_size env.tile_size env.obs_height": "image_size img_size screen_size resize",
    "env.game env.env_id env.scenario env.probe": "game_name env_name env_id environment_name "
    "environment task game level rom scenario world map probe env_type id board_size komi",
    "replay.sampling": "prioritized_replay per prioritized replay_scheme use_per",
    "replay.priority_exponent": "prioritized_replay_alpha per_alpha priority_alpha",
    "replay.importance_exponent": "prioritized_replay_beta per_beta priority_beta",
    "replay.storage": "optimize_memory_usage",
    "agent.reward_clip": "clip_rewards reward_clipping clip_reward",
    "agent.double": "double_q double_dqn",
    "agent.dueling": "dueling_dqn dueling_network",
    "agent.quantiles": "num_atoms n_atoms n_quantiles num_quantiles",
    "agent.head": "distributional c51 qr_dqn",
    "agent.burn_in_ticks": "burn_in burn_in_steps burnin burn_in_length",
    "agent.sequence_ticks": "seq_len sequence_length trace_length bptt seq_length",
    "agent.search.c_init agent.search.c_scale": "c_puct cpuct pb_c_init puct_c uct_c "
    "exploration_constant c_uct",
    "agent.search.c_scale agent.search.c_init": "value_scale",
    "agent.simulations": "num_simulations n_simulations simulations num_mcts_sims nummctssims "
    "num_sims n_playout max_visits playouts mcts_simulations max_simulations num_searches",
    "agent.search.noise_alpha": "dirichlet_alpha root_dirichlet_alpha dir_alpha policy_alpha",
    "agent.search.noise_share": "dirichlet_epsilon dirichlet_eps root_exploration_fraction "
    "noise_weight policy_epsilon dirichlet_fraction",
    "agent.search.max_considered": "max_num_considered_actions num_considered_actions",
    "agent.temperature_plies": "temp_threshold tempthreshold temperature_moves temperature_drop "
    "num_sampling_moves temperature_cutoff",
    "agent.blocks": "num_blocks n_blocks num_res_blocks num_residual_blocks resnet_blocks nn_depth",
    "agent.channels": "num_filters filters num_channels n_channels nn_width",
    "agent.weight_decay": "l2 l2_coef l2_reg l2_const",
    "agent.resignation": "resign_threshold resign resignation_threshold",
    "env.max_plies": "max_moves max_game_length max_game_plies",
    "gate.min_score": "update_threshold updatethreshold win_threshold gating_threshold",
    "gate.games": "arena_compare arenacompare",
    "anchor_games": "eval_games evaluation_games num_eval_games",
    "anchor_period_env_steps record_period_env_steps": "eval_freq eval_frequency eval_interval "
    "evaluation_interval evaluation_window",
    "checkpoint_period_env_steps": "checkpoint_freq save_freq save_interval checkpoint_interval "
    "save_frequency checkpoint_frequency save_every checkpoint_every",
    "log_period_env_steps": "log_interval log_freq log_frequency logging_interval log_every",
    "record_period_env_steps": "capture_video video_freq record_video video_interval record_freq "
    "video_frequency",
    "seed": "random_seed rng_seed seeds",
    "device": "cuda gpu use_cuda use_gpu no_cuda",
    "torch_threads": "num_threads n_threads threads n_cpu num_cpus",
    "agent.precision": "mixed_precision fp16 bf16 amp dtype half",
    "wandb.mode": "track use_wandb wandb_mode tensorboard_log",
    "wandb.project": "wandb_project_name wandb_project project_name",
    "wandb.entity": "wandb_entity team",
    "agent.kind": "algo algorithm agent_type agent_name",
}
AGENTS_ELSEWHERE = {
    "dqn": "ddqn rainbow double_dqn qrdqn qr_dqn c51 dueling_dqn nature_dqn",
    "r2d2": "drqn recurrent_dqn",
    "ppo": "ppo2 ppo_lstm recurrent_ppo recurrentppo a2c a3c impala appo",
    "alphazero": "az alpha_zero muzero mcts gumbel gumbel_alphazero selfplay",
}
ENVS_ELSEWHERE = {
    "atari": "ale gym gymnasium envpool atari_env",
    "minigrid": "grid babyai gym_minigrid",
    "doom": "vizdoom",
    "board": "openspiel open_spiel pettingzoo pgx boardgame",
    "probe": "bsuite test",
}
PROTOCOLS_ELSEWHERE = {
    "machado": "sticky dopamine v5 ale sticky_actions",
    "classic": "nature mnih dqn v4 noframeskip no_sticky sb3 cleanrl",
}
# Values of keys that have a few.
VALUES_ELSEWHERE = {
    "env.protocol": PROTOCOLS_ELSEWHERE,
    "device": {"cuda": "gpu cuda:0 nvidia", "mps": "metal apple"},
    "wandb.mode": {"disabled": "off false none no", "offline": "dryrun local", "online": "on true"},
    "agent.precision": {"bfloat16": "bf16 fp16 float16 half mixed amp", "float32": "fp32 full 32"},
    "agent.head": {"quantile": "qr qrdqn distributional c51 iqn", "scalar": "mean expected"},
    "agent.network": {"nature": "cnn cnnpolicy atari", "flat": "mlp mlppolicy", "grid": "minigrid"},
    "agent.core": {"none": "null feedforward mlp false", "lstm": "rnn recurrent true"},
    "replay.storage": {"memory": "ram", "memmap": "disk file mmap"},
    "replay.sampling": {"prioritized": "per priority proportional", "uniform": "random"},
}
COMMANDS_ELSEWHERE = {
    "eval": "evaluate test score benchmark",
    "record": "video render film",
    "watch": "studio serve ui dashboard enjoy view server web gui",
    "play": "human",
    "runs": "list ls status show",
    "resume": "continue restart load",
    "tournament": "match elo rank rate arena compare league",
    "train": "learn fit run start",
    "doctor": "check info version env system",
    "uci": "engine",
}


def key_meant(location: Sequence[str], keys: Iterable[str]) -> str | None:
    """Returns the valid key that was meant by the unknown one at `location`; None: none is near.

    Args:
        location: parts of the dotted key that was typed.
        keys: all dotted keys that the config can have.
    """
    *parents, leaf = location
    valid = list(keys)
    # Forgetting that learning_rate is the agent's is likelier than any typing error.
    for key in valid:
        if key.rpartition(".")[2] == leaf:
            return key
    for row, words in KEYS_ELSEWHERE.items():
        if plain(leaf) in map(plain, words.split()):
            return next((key for key in row.split() if key in valid), None)
    level = siblings(parents, valid)
    near = nearest(leaf, level)
    return ".".join([*parents, near]) if near else None


def siblings(parents: Sequence[str], keys: Iterable[str]) -> list[str]:
    """Returns the names of the keys of one level."""
    return [key.split(".")[-1] for key in keys if key.split(".")[:-1] == list(parents)]


def word_meant(typed: str, elsewhere: dict[str, str], names: Iterable[str]) -> str | None:
    """Returns the one of `names` that is called `typed` elsewhere, or is spelled nearly so."""
    for name, words in elsewhere.items():
        if plain(typed) in map(plain, words.split()):
            return name
    return nearest(typed, names)


def choices(typed: str, elsewhere: dict[str, str], names: Iterable[str]) -> str:
    """Returns how a sentence about the unknown `typed` ends: what is near, and what there is."""
    known = list(names)
    near = word_meant(typed, elsewhere, known)
    asked = f"; did you mean {near!r}?" if near else ";"
    return f"{asked} choose from {', '.join(known)}"
