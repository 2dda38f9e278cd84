package RTProp::Sources;

# The project's own files, for the checks of t/style.

use strict;
use warnings;

use Exporter qw(import);
use File::Find;

our @EXPORT = qw(files content lines code problem problems statements);

my (@files, @problems, %content);


# Paths of files that match a pattern; what is built or installed is left out.

sub files {
    my ($pattern) = @_;

    if (!@files) {
        find({ no_chdir => 1, wanted => sub {
            my $path = s{^\./}{}r;

            if ($path =~ m{^(?:\.git|build|t/artifacts|t/servroot\w*)$}
                || $path =~ m{(?:^|/)node_modules$})
            {
                $File::Find::prune = 1;
                return;
            }

            push @files, $path if -f $_ && !-l $_;
        } }, '.');

        @files = sort @files;
    }

    return grep { /$pattern/ } @files;
}


sub content {
    my ($path) = @_;

    return $content{$path} //= do {
        open my $fh, '<:raw', $path or die "$path: $!\n";
        local $/;
        <$fh> // '';
    };
}


sub lines { split /\n/, content($_[0]), -1 }


# C code with comments and the contents of strings blanked out; offsets and
# line numbers stay as they are.

sub code {
    my ($path) = @_;
    my $text = content($path);

    $text =~ s{
        (/\*.*?\*/)
        | "((?:[^"\\\n]|\\.)*)"
        | '((?:[^'\\\n]|\\.)*)'
    }{
        defined $1 ? $1 =~ s/[^\n]/ /gr
        : defined $2 ? '"' . ' ' x length($2) . '"'
        : "'" . ' ' x length($3) . "'"
    }gsex;

    return $text;
}


# Statements of C code outside of any braces: [line, text]; the contents of
# braces are left out, a function's body ends its statement.

sub statements {
    my ($path) = @_;
    my $text = code($path);
    my ($depth, $line, $start, $current, @found) = (0, 1, 0, '');

    $text =~ s/^[ \t]*#(?:[^\n]*\\\n)*[^\n]*/"\n" x ($& =~ tr,\n,,)/gme;

    for my $c (split //, $text) {
        $line++ if $c eq "\n";

        if ($c eq '{') {
            $current .= '{' if $depth++ == 0;

        } elsif ($c eq '}') {
            next if --$depth;
            $current .= '}';

            if ($current =~ /\)\s*\{\}$/ && $current !~ /=/) {
                push @found, [$start, $current];
                $current = '';
            }

        } elsif ($depth == 0) {
            $start = $line if $current !~ /\S/ && $c =~ /\S/;
            $current .= $c;

            if ($c eq ';') {
                push @found, [$start, $current =~ s/^\s+//r];
                $current = '';
            }
        }
    }

    return @found;
}


sub problem {
    my ($path, $line, $text) = @_;
    push @problems, $line ? "$path:$line: $text" : "$path: $text";
}

# Prints the problems; a check script ends with "exit problems()".

sub problems {
    print "$_\n" for @problems;
    return @problems ? 1 : 0;
}


1;
