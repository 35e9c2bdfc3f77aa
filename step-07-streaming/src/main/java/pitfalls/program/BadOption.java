package pitfalls.program;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Tells an operator in one sentence what is wrong with the command line. */
final class BadOption implements IParameterExceptionHandler {

    @Override
    public int handleParseException(ParameterException failure, String[] args) {
        failure.getCommandLine().getErr().println("reverse-proxy: " + sentence(failure));
        return CommandLine.ExitCode.USAGE;
    }

    private static String sentence(ParameterException failure) {
        if (!(failure instanceof UnmatchedArgumentException unmatched)) {
            return failure.getMessage() // picocli names Java's types
                    .replaceFirst("is not an int$", "is not a whole number")
                    .replaceFirst("is not a boolean$", "is neither true nor false");
        }
        String argument = unmatched.getUnmatched().get(0);
        if (argument.startsWith("@"))
            return "'" + argument.substring(1) + "' must be a file with options that can be read";
        if (!argument.startsWith("-"))
            return "an option must begin with --, as in --target :8081, not '" + argument + "'";
        String name = argument.split("=", 2)[0];
        String meant = similarTo(name, failure.getCommandLine());
        return "there is no option '" + name + "': "
                + (meant == null ? "--help lists them" : "did you mean " + meant + "?");
    }

    /** An option with the same letters, of which two may be swapped; or else one that picocli finds similar and is about as long. */
    private static String similarTo(String name, CommandLine program) {
        int[] letters = name.chars().sorted().toArray();
        var swapped = program.getCommandSpec().optionsMap().keySet().stream()
                .filter(option -> Arrays.equals(option.chars().sorted().toArray(), letters));
        var similar = new UnmatchedArgumentException(program, List.of(name))
                .getSuggestions().stream().filter(option -> Math.abs(option.length() - name.length()) <= 2);
        return Stream.concat(swapped, similar).findFirst().orElse(null);
    }
}
