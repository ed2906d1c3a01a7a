package ship

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/fakecracker/fakecracker/internal/image"
)

// maxNames bounds the variables, and the labels, that a stage may have: each
// step carries them all.
const maxNames = 1_000

// set gives a variable its value for the words that follow.
func (e *evaluator) set(name, value string) {
	e.vars[name] = value
	e.environ = setEnv(e.environ, name, value)
	e.longest = max(e.longest, len(value))
}

// declare is set for a variable of this stage, with the limit of them all.
func (e *evaluator) declare(name, value string) error {
	e.set(name, value)
	e.declared[name] = true
	if e.vars.size() > maxVars {
		return errTooMuch
	}
	if len(e.vars) > maxNames {
		return fmt.Errorf("more than %d variables", maxNames)
	}
	return nil
}

// arg takes an ARG: the build argument, else its default, else what an ARG
// before the first FROM has.
func (e *evaluator) arg(cmd *instructions.ArgCommand) error {
	if name, value, ok := e.smolArg(); ok {
		cmd.Args = []instructions.KeyValuePairOptional{{Key: name, Value: &value}}
	}
	for _, arg := range cmd.Args {
		name, err := e.words().one(arg.Key)
		if err != nil {
			return err
		}
		e.used[name] = true
		value, ok := e.def.build[name]
		if !ok && arg.Value != nil {
			if value, err = e.argDefault(*arg.Value); err != nil {
				return err
			}
			ok = true
		}
		if !ok {
			value, ok = e.global[name]
		}
		if !ok {
			continue
		}
		if err := e.declare(name, value); err != nil {
			return err
		}
	}
	return nil
}

// env takes an ENV. All its words see the variables from before it.
func (e *evaluator) env(cmd *instructions.EnvCommand) error {
	pairs, err := e.pairs(cmd.Env)
	if err != nil {
		return err
	}
	e.cfg.Env = slices.Clone(e.cfg.Env)
	for _, p := range pairs {
		if strings.ContainsRune(p.Key, '=') || strings.ContainsRune(p.Key+p.Value, 0) {
			return fmt.Errorf("ENV %s: not the name of a variable", quoted(p.Key))
		}
		if e.def.smol && strings.Contains(p.Value, "$(") {
			return fmt.Errorf("ENV %s=%s: a command's output can't be known here: write the value", p.Key, quoted(p.Value))
		}
		if err := e.declare(p.Key, p.Value); err != nil {
			return err
		}
		e.cfg.Env = setEnv(e.cfg.Env, p.Key, p.Value)
	}
	return nil
}

// pairs expands K=V pairs.
func (e *evaluator) pairs(kvs instructions.KeyValuePairs) ([]instructions.KeyValuePair, error) {
	w := e.words()
	var out []instructions.KeyValuePair
	for _, kv := range kvs {
		key, err := w.one(kv.Key)
		if err != nil {
			return nil, err
		}
		value, err := w.one(kv.Value)
		if err != nil {
			return nil, err
		}
		if key == "" {
			return nil, errors.New("a name is empty")
		}
		out = append(out, instructions.KeyValuePair{Key: key, Value: value})
	}
	return out, nil
}

// setEnv puts K=V in the place of another value, else behind. The list is
// changed.
func setEnv(env []string, name, value string) []string {
	kv := name + "=" + value
	for i, old := range env {
		if strings.HasPrefix(old, name+"=") {
			env[i] = kv
			return env
		}
	}
	return append(env, kv)
}

func (e *evaluator) label(cmd *instructions.LabelCommand) error {
	pairs, err := e.pairs(cmd.Labels)
	if err != nil {
		return err
	}
	if len(e.cfg.Labels)+len(pairs) > maxNames {
		return fmt.Errorf("more than %d labels", maxNames)
	}
	e.cfg.Labels = maps.Clone(e.cfg.Labels)
	for _, p := range pairs {
		e.setLabel(p.Key, p.Value)
		if err := e.smolLabel(p.Key, p.Value); err != nil {
			return fmt.Errorf("LABEL %s=%s: %w", p.Key, quoted(p.Value), err)
		}
	}
	return nil
}

func (e *evaluator) setLabel(key, value string) {
	if e.cfg.Labels == nil {
		e.cfg.Labels = make(map[string]string)
	}
	e.cfg.Labels[key] = value
}

// health takes a HEALTHCHECK.
func (e *evaluator) health(cmd *instructions.HealthCheckCommand) error {
	h := cmd.Health
	if h.StartInterval != 0 {
		e.note(fmt.Sprintf("HEALTHCHECK --start-interval=%v is not kept: images have one interval", h.StartInterval))
	}
	if len(h.Test) > 1 && strings.TrimSpace(strings.Join(h.Test[1:], "")) == "" {
		return errors.New("HEALTHCHECK CMD: the command is empty")
	}
	e.cfg.Health = &image.Health{
		Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries,
	}
	if isChecked(e.cfg.Health) {
		e.note("HEALTHCHECK is " + keptHealth)
	}
	return nil
}

func (e *evaluator) stopSignal(word string) error {
	name, err := e.words().one(word)
	if err != nil {
		return err
	}
	e.cfg.StopSignal, err = signalName(name, e.guest.OS)
	return err
}

// signals are the names that both guests have, and the numbers of those that
// have the same one.
var signals = []string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 8: "FPE", 9: "KILL", 11: "SEGV", 13: "PIPE", 14: "ALRM", 15: "TERM",
	21: "TTIN", 22: "TTOU", 24: "XCPU", 25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH",
}

// numbered are those of which the numbers differ (signal(7)): Linux's,
// NetBSD's.
var numbered = map[string][2]int{
	"BUS": {7, 10}, "USR1": {10, 30}, "USR2": {12, 31}, "CHLD": {17, 20}, "CONT": {18, 19}, "STOP": {19, 17}, "TSTP": {20, 18},
	"URG": {23, 16}, "IO": {29, 23}, "PWR": {30, 32}, "SYS": {31, 12},
}

// signalName returns "SIGQUIT" for quit, SIGQUIT or 3.
func signalName(text, system string) (string, error) {
	unknown := fmt.Errorf("%s is no signal: write one such as SIGQUIT", quoted(text))
	if n, err := strconv.Atoi(text); err == nil {
		if n > 0 && n < len(signals) && signals[n] != "" {
			return "SIG" + signals[n], nil
		}
		for name, numbers := range numbered {
			if system == "linux" && n == numbers[0] || system == "netbsd" && n == numbers[1] {
				return "SIG" + name, nil
			}
		}
		return "", unknown
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	_, ok := numbered[name]
	if !ok && !(name != "" && slices.Contains(signals, name)) && !isRealTime(name) {
		return "", unknown
	}
	return "SIG" + name, nil
}

// isRealTime knows RTMIN, RTMIN+3 and RTMAX-1.
func isRealTime(name string) bool {
	for _, base := range []string{"RTMIN+", "RTMAX-"} {
		if name == base[:5] {
			return true
		}
		if n, ok := strings.CutPrefix(name, base); ok {
			i, err := strconv.ParseUint(n, 10, 8)
			return err == nil && i <= 30
		}
	}
	return false
}
