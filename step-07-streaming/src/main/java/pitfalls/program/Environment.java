package pitfalls.program;

import java.util.Locale;
import java.util.function.UnaryOperator;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;

/**
 * Gives options the values of environment variables, where the command line is silent: {@code --max-head-size} is
 * {@code REVERSE_PROXY_MAX_HEAD_SIZE}. Other variables with that prefix are left alone, because Kubernetes sets some for a service
 * with the name {@code reverse-proxy}. An empty variable counts as none.
 */
final class Environment implements IDefaultValueProvider {
    private static final String PREFIX = "REVERSE_PROXY_";

    private final UnaryOperator<String> variables;

    /** Options from these variables, {@code null} for one that is not set. */
    Environment(UnaryOperator<String> variables) {
        this.variables = variables;
    }

    @Override
    public String defaultValue(ArgSpec argument) {
        if (!(argument instanceof OptionSpec option) || isHelp(option)) return null;
        String name = option.longestName().substring("--".length());
        String value = variables.apply(PREFIX + name.replace('-', '_').toUpperCase(Locale.ROOT));
        return value == null || value.isEmpty() ? null : value;
    }

    /**
     * Runs the program. For picocli, a flag on the command line is the opposite of its default, which a variable may have set to
     * true; for an operator, a flag that is there is true.
     */
    static int execute(ParseResult commandLine) {
        for (OptionSpec option : commandLine.matchedOptionsSet()) {
            boolean isFlag = option.type() == boolean.class && !isHelp(option);
            if (isFlag) option.setValue(true);
        }
        return new RunLast().execute(commandLine);
    }

    private static boolean isHelp(OptionSpec option) {
        return option.usageHelp() || option.versionHelp();
    }
}
