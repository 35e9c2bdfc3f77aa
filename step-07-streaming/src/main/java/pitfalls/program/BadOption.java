package pitfalls.program;

import java.util.List;
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
        List<String> similar = new UnmatchedArgumentException(failure.getCommandLine(), List.of(name)).getSuggestions();
        return "there is no option '" + name + "': "
                + (similar.isEmpty() ? "--help lists them" : "did you mean " + similar.get(0) + "?");
    }
}
