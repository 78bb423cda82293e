namespace ThpCheck.Specs.Format;

/// <summary>A named value of the configuration, the hardware or a toggle.</summary>
public sealed record Setting(Located<string> Name, Located<SettingValue> Value);

/// <summary>A setting's value: one of the records nested here.</summary>
public abstract record SettingValue
{
    /// <summary><c>true</c>, <c>on</c>, <c>yes</c>, or <c>false</c>, <c>off</c>, <c>no</c>, unquoted.</summary>
    public sealed record Boolean(bool Value) : SettingValue
    {
        /// <inheritdoc/>
        public override string ToString() => Value ? "true" : "false";
    }

    /// <summary>A 64-bit signed integer.</summary>
    public sealed record Number(long Value) : SettingValue
    {
        /// <inheritdoc/>
        public override string ToString() => $"{Value}";
    }

    /// <summary>A name, such as one of several ways a toggle can be set.</summary>
    public sealed record Name(string Value) : SettingValue
    {
        /// <inheritdoc/>
        public override string ToString() => Value;
    }
}
